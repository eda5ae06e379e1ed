"""Every family of the zoo, found by itself, trains: in float and quantized."""

import functools

import jax
import numpy as np
import pytest

from effnas import quant, zoo
from effnas.nn import rewrite

# The step runs once: the compiler need not optimise it.
_QUICK = {'xla_backend_optimization_level': 0}


def _given(network, net):
  """Returns random variables, and four random inputs."""
  rng = np.random.default_rng(0)
  shape = (4, *network.input_shape)
  if network.input_dtype == 'int32':
    x = rng.integers(0, 10, shape, dtype=np.int32)
  else:
    x = rng.normal(size=shape).astype(np.float32)

  def draw(path, leaf):
    values = rng.normal(size=leaf.shape).astype(np.float32)
    if path[-1].key == 'kernel':
      return values / np.sqrt(np.prod(leaf.shape[:-1]))
    return (
      1 + 0.1 * values if path[-1].key in ('scale', 'var') else 0.1 * values
    )

  shapes = rewrite.abstract_variables(
    net, network.input_shape, network.input_dtype
  )
  return jax.tree_util.tree_map_with_path(draw, shapes), x


# Ten seconds to compile; `tests/zoo/test_spaces.py` builds its cells too.
_LONG = ('darts',)
# Quantized, the others are made of blocks that `tests/nn` quantizes.
_QUANTIZED = (
  'decoder',
  'deit',
  'efficientformer',
  'encoder_lm',
  'hw_gpt',
  'mobilenet_v2',
  'mobilevit',
  'nasbench201',
  'resnet',
  'survey_cnn',
)


@pytest.mark.parametrize(
  ('name', 'bits'),
  [
    *(
      pytest.param(name, 32, marks=pytest.mark.slow if name in _LONG else ())
      for name in zoo.miniatures()
    ),
    *(
      pytest.param(
        name, 8, marks=() if name in _QUANTIZED else pytest.mark.slow
      )
      for name in zoo.miniatures()
    ),
  ],
)
def test_a_family_makes_a_training_step(name, bits):
  network = zoo.miniatures()[name]
  rules = quant.rules(bits, bits) if bits < 32 else ()
  net = rewrite.Rewritten(network.build(), rules)
  variables, x = _given(network, net)
  state = [c for c in variables if c != 'params']

  def loss(params):
    logits, changed = net.apply(
      {**variables, 'params': params},
      x,
      True,
      mutable=state,
      rngs={'dropout': jax.random.key(1), 'params': jax.random.key(2)},
    )
    logits = jax.nn.log_softmax(logits)
    return -logits[..., 0].mean(), changed

  @functools.partial(jax.jit, compiler_options=_QUICK)
  def step(params):
    (before, changed), slopes = jax.value_and_grad(loss, has_aux=True)(params)
    return before, changed, slopes

  before, changed, slopes = step(variables['params'])
  assert np.isfinite(before)
  assert jax.tree.structure(changed) == jax.tree.structure(
    {c: variables[c] for c in state}
  )
  for path, slope in jax.tree.leaves_with_path(slopes):
    assert np.isfinite(slope).all(), path
    if path[-1].key == 'kernel':
      assert np.abs(slope).max() > 0, path


@pytest.mark.parametrize('name', zoo.networks())
def test_a_network_is_documented_and_hashable(name):
  published = zoo.load(name)
  assert 'https://' in published.paper
  assert hash(published.build()) == hash(published.build())
  assert np.prod(published.input_shape) > 0


def test_build_overrides_what_a_network_has():
  net = zoo.load('resnet_18').build(depths=(1, 1, 1, 1), classes=7)
  assert ([stage.depth for stage in net.stages], net.classes) == ([1] * 4, 7)


def test_every_family_with_networks_has_one_to_try():
  families = {n for n, f in zoo._families() if hasattr(f, 'networks')}
  assert families == set(zoo.miniatures())
