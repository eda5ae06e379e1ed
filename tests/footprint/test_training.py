"""Training's cost against hand-made sums, published figures and invariants."""

import itertools
import math
import subprocess
import sys

from flax import linen
import jax
import pytest

from effnas import errors, zoo
from effnas.footprint import step, utilisation
from effnas.footprint.latency import device
from effnas.footprint.program import count
from effnas.footprint.training import training
from effnas.nn import layers


class Chain(linen.Module):
  """Dense layers; `keep=False` rematerialises each."""

  depth: int = 5
  keep: bool = True

  @linen.compact
  def __call__(self, x, train=False):
    dense = Hidden if self.keep else linen.remat(Hidden)
    for i in range(self.depth):
      x = dense(name=f'hidden_{i}')(x)
    return linen.Dense(4, name='head')(x)


class Hidden(linen.Module):
  @linen.compact
  def __call__(self, x):
    y = linen.gelu(linen.Dense(64, name='wide')(x))
    return x + linen.Dense(8, name='narrow')(y)


CHAIN = {'net': Chain(), 'input_shape': (8,), 'batch': 32}


def test_memory_of_a_linear_layer_by_hand():
  # Kernel and bias with two slots each; images, logits' gradient, gradients.
  weights = 64 * 10 + 10
  alive = 32 * 64 + 32 * 10 + weights + 1
  values = training(linen.Dense(10), (64,), batch=32)
  assert values['train_step_memory'] == 4 * (3 * weights + alive)


def test_optimizer_slots_are_arrays_of_the_parameters_size():
  params = 64 * 10 + 10
  memory = [
    training(linen.Dense(10), (64,), batch=1, optimizer_slots=n)[
      'train_step_memory'
    ]
    for n in range(4)
  ]
  assert [b - a for a, b in itertools.pairwise(memory)] == ([4 * params] * 3)


def test_weights_are_kept_once_and_their_gradients_live_at_the_end():
  wide = step.step(Chain(), (1, 8), 'float32', 'float32', False)
  assert wide.kept_bytes == wide.params_bytes
  assert wide.params_bytes < wide.peak_bytes < 1.3 * wide.params_bytes
  narrow = step.step(Chain(), (1, 8), 'float32', 'bfloat16', False)
  assert narrow.params_bytes == wide.params_bytes
  assert narrow.kept_bytes == 1.5 * wide.params_bytes
  # Where activations decide, what does not grow with them is no weights.
  one, two = (
    step.step(Chain(), (n, 8), 'float32', 'float32', False).peak_bytes
    for n in (400, 800)
  )
  assert 2 * one - two < 0.3 * wide.params_bytes


def _first_macs(network, batch):
  """MACs of the first product, whose input needs no gradient."""
  net = network.build()
  x = jax.ShapeDtypeStruct((batch, *network.input_shape), network.input_dtype)
  key = jax.eval_shape(lambda: jax.random.key(0))
  variables = jax.eval_shape(net.init, key, x)
  ops = count.count(jax.make_jaxpr(net.apply)(variables, x))
  return next(op.macs for op in ops if op.macs)


def _exact(network):
  given = {'input_dtype': network.input_dtype}
  net, shape = network.build(), network.input_shape
  values = training(net, shape, batch=2, **given)
  first = 0 if network.input_dtype == 'int32' else _first_macs(network, 2)
  assert values['train_step_macs'] == values['train_step_macs_3x'] - first
  assert step.unknown(net, shape, **given) == []


@pytest.mark.parametrize('name', ['mobilenet_v2', 'deit', 'decoder'])
def test_backward_is_twice_forward_less_the_first_layer(name):
  _exact(zoo.miniatures()[name])


@pytest.mark.slow
@pytest.mark.parametrize('name', ['mobilenet_v2', 'resnet_18', 'deit_tiny'])
def test_of_published_networks_too(name):
  _exact(zoo.load(name))


@pytest.mark.slow
@pytest.mark.parametrize('name', zoo.miniatures())
def test_every_family_is_counted(name):
  network = zoo.miniatures()[name]
  given = {'input_dtype': network.input_dtype}
  net, shape = network.build(), network.input_shape
  values = training(net, shape, batch=2, **given)
  assert 2 < 3 * values['train_step_macs'] / values['train_step_macs_3x'] <= 3
  assert step.unknown(net, shape, **given) == []


def test_own_convolutions_count_as_plain_ones():
  def macs(conv, **fields):
    class Net(linen.Module):
      @linen.compact
      def __call__(self, x, train=False):
        x = conv(8, (3, 3), 2, **fields)(x)
        x = conv(8, (3, 3), feature_group_count=8, **fields)(x)
        return conv(16, (1, 1), **fields)(x).mean((1, 2))

    return training(Net(), (16, 16, 3), batch=2)['train_step_macs']

  assert macs(layers.Conv) == macs(linen.Conv)


def test_rule_of_six_operations_a_parameter_and_token():
  # Kaplan et al. (2020): 6 N D operations, so 3 N D MACs, and attention beside.
  depth, width, tokens, batch = 2, 64, 16, 3
  network = zoo.miniatures()['decoder']
  net = network.build(features=width, depth=depth, heads=2, positions=tokens)
  values = training(net, (tokens,), batch=batch, input_dtype='int32')
  parameters = depth * 12 * width**2 + width * net.classes
  attention = depth * 2 * tokens * width  # two products a layer and token
  assert values['train_step_macs'] == 3 * batch * tokens * (
    parameters + attention
  )


def test_rematerialised_layers_take_less_memory_and_more_macs():
  kept = training(**CHAIN)
  again = training(**CHAIN | {'net': Chain(keep=False)})
  assert again['train_step_memory'] < 0.7 * kept['train_step_memory']
  assert again['train_step_macs_3x'] == kept['train_step_macs_3x']
  # The backward pass needs each layer's hidden values, so the first of its two
  # products once more, and nobody needs the second's.
  more = again['train_step_macs'] - kept['train_step_macs']
  assert more == 5 * 32 * 8 * 64


def test_rematerialise_cuts_any_network():
  kept = training(**CHAIN)
  again = training(**CHAIN, rematerialise=True)
  assert again['train_step_memory'] < 0.7 * kept['train_step_memory']
  forward = kept['train_step_macs_3x'] // 3
  more = again['train_step_macs'] - kept['train_step_macs']
  assert 0 < more <= forward


def test_narrow_floats_halve_the_activations_alone():
  wide = training(**CHAIN | {'batch': 512})
  narrow = training(**CHAIN | {'batch': 512}, float_format='bfloat16')
  ratio = narrow['train_step_memory'] / wide['train_step_memory']
  assert 0.45 < ratio < 0.65
  assert narrow['train_step_macs'] == wide['train_step_macs']


def test_batch_scales_activations_and_macs_not_weights():
  one, four, eight = (training(**CHAIN | {'batch': b}) for b in (1, 400, 800))
  assert four['train_step_macs'] == 400 * one['train_step_macs']
  assert one['train_step_memory'] > 12 * 5 * (64 * 8)
  grown = eight['train_step_memory'] / four['train_step_memory']
  assert 1.5 < grown < 2


def _hours(hours):
  return lambda work, device: 3.6e6 * hours


def test_published_training_of_gpt_3():
  # Patterson et al. (2021), table 4: 10,000 V100 for 14.8 days at 330 W took
  # 1,287 MWh at PUE 1.10, and 552 t CO2e at 429 g CO2e / kWh.
  values = training(
    linen.Dense(1),
    (1,),
    batch=1,
    examples=10_000,
    epochs=1,
    accelerators=10_000,
    targets=['a100'],
    latency=_hours(14.8 * 24),
    power_watts=330,
    pue=1.10,
    grid=429,
  )
  assert values['accelerator_hours@a100'] == pytest.approx(10_000 * 14.8 * 24)
  assert values['kg_co2e@a100'] == pytest.approx(552_100, rel=0.003)


def test_totals():
  values = training(
    **CHAIN,
    examples=1000,
    epochs=5,
    accelerators=4,
    targets=['a100', 'tpu_v3'],
    latency=lambda work, d: 7.0 if d.name == 'a100' else 3.0,
  )
  steps = 5 * math.ceil(1000 / (32 * 4))
  assert values['train_macs'] == values['train_step_macs'] * 4 * steps
  assert values['train_step_ms@a100'] == 7.0
  hours = values['accelerator_hours@tpu_v3']
  assert hours == pytest.approx(3.0 * steps * 4 / 3.6e6)
  assert not any(name.startswith('kg') for name in values)


def test_roofline_and_utilisation():
  given = CHAIN | {'targets': ['a100']}
  bound = training(**given)['train_step_ms@a100']
  peak = device.load('a100').formats().rate
  at = training(**given, latency=utilisation.at(0.5))
  expected = 2e3 * at['train_step_macs'] / (0.5 * peak)
  assert at['train_step_ms@a100'] == pytest.approx(expected)
  assert bound > expected / 2


def test_power_is_the_published_one_by_default(monkeypatch):
  read = device.read
  given = CHAIN | {
    'examples': 100, 'epochs': 1, 'targets': ['tpu_v3'], 'pue': 1, 'grid': 100
  }  # fmt: skip
  monkeypatch.setattr(
    device, 'read', lambda n: read(n) | {'power_watts': {'value': 450}}
  )
  published = training(**given)['kg_co2e@tpu_v3']
  # A device is one of the chip's two cores.
  mine = training(**given, power_watts=225)['kg_co2e@tpu_v3']
  assert published == pytest.approx(mine)
  monkeypatch.setattr(
    device,
    'read',
    lambda n: {k: v for k, v in read(n).items() if k != 'power_watts'},
  )
  with pytest.raises(errors.UserError, match='none is published for tpu_v3'):
    training(**given)


class Modes(linen.Module):
  """Drops, normalises, and gives two outputs, in training only."""

  @linen.compact
  def __call__(self, x, train=False):
    x = linen.BatchNorm(use_running_average=not train)(linen.Dense(16)(x))
    x = linen.Dropout(0.5, deterministic=not train)(x)
    more = ()
    if train or self.is_initializing():
      more = (linen.Dense(32, name='auxiliary')(x),)
    return linen.Dense(4, name='head')(x), *more


def test_what_a_network_does_in_training_counts():
  values = training(Modes(), (8,), batch=4)
  auxiliary = 4 * 16 * 32
  inference = 4 * (8 * 16 + 16 * 4)
  assert values['train_step_macs_3x'] == 3 * (inference + auxiliary)


@pytest.mark.parametrize(
  ('given', 'said'),
  [
    ({'batch': 0}, 'batch 0'),
    ({'accelerators': 0}, 'accelerators must be positive; got 0'),
    ({'optimizer_slots': -1}, 'optimizer_slots must not be negative'),
    ({'examples': 10}, 'got examples 10 and epochs None'),
    ({'examples': 10, 'epochs': -1}, 'epochs must be positive'),
    ({'float_format': 'int8'}, 'unknown float format'),
    ({'targets': ['tpu_v33']}, "did you mean 'tpu_v3'"),
    ({'grid': 400}, 'PUE of the data centre.*got None'),
    ({'grid': 400, 'pue': 0.5}, 'at least 1'),
    ({'grid': -1, 'pue': 1.1}, 'grid is g CO2e'),
  ],
)
def test_bad_input_is_one_line(given, said):
  with pytest.raises(errors.UserError, match=said):
    training(**CHAIN | given)


@pytest.mark.parametrize('share', [0, 1.5, -1])
def test_a_utilisation_is_a_share(share):
  with pytest.raises(errors.UserError, match=f'got {share}'):
    utilisation.at(share)


def test_no_backend_is_started():
  code = """
from effnas.footprint.training import training
from effnas.nn.blocks import mbconv
from jax._src import xla_bridge
net = mbconv.MBConv(features=8)
assert training(net, (8, 8, 3), batch=3, targets=['tpu_v5e'])
assert training(net, (8, 8, 3), batch=3, rematerialise=True)
assert not xla_bridge._backends, xla_bridge._backends
"""
  subprocess.run([sys.executable, '-c', code], check=True, timeout=120)
