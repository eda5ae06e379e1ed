"""Bits as values: one program for all, equal to the rules at each width."""

from flax import linen, traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effnas import errors, quant
from effnas.learn import objective
from effnas.nn import rewrite
from effnas.quant import traced
from effnas.train import state as state_lib
from effnas.train import step as step_lib

SHAPE = (8, 8, 3)
PATHS = ('stem', 'depthwise', 'attention/query', 'attention/out', 'head')


class Net(linen.Module):
  """A convolution, a depthwise one, attention and a dense layer."""

  @linen.compact
  def __call__(self, x, train=False):
    x = linen.Conv(8, (3, 3), name='stem')(x)
    x = linen.BatchNorm(use_running_average=not train)(x)
    x = jax.nn.relu(x)
    x = linen.Conv(8, (3, 3), feature_group_count=8, name='depthwise')(x)
    x = x.reshape(x.shape[0], -1, 8)
    x = linen.MultiHeadDotProductAttention(2, name='attention')(x)
    return linen.Dense(5, name='head')(x.mean(1))


def _images(n=4):
  return jax.random.normal(jax.random.key(1), (n, *SHAPE))


@pytest.fixture(scope='module')
def variables():
  return jax.jit(rewrite.Rewritten(Net()).init)(jax.random.key(0), _images())


@pytest.fixture(scope='module')
def run(variables):
  """One compiled program; it takes bits of all widths or none."""
  bits = traced.bits(rewrite.Rewritten(Net(), quant.rules(8, 8)), SHAPE)
  apply = jax.jit(rewrite.Rewritten(Net(), (traced.Traced(),)).apply)
  return apply.lower({**variables, **bits}, _images()).compile()


@pytest.mark.parametrize(
  'arguments',
  [(8, 8), (4, 8), (3, 32), (2, 2), (32, 8), (4, 8, {'stem': 32, 'head': 2})],
)
def test_values_are_those_of_the_rules(variables, run, arguments):
  net = rewrite.Rewritten(Net(), quant.rules(*arguments))
  fixed = jax.jit(net.apply)(variables, _images())
  ours = run({**variables, **traced.bits(net, SHAPE)}, _images())
  np.testing.assert_allclose(ours, fixed, rtol=1e-4, atol=2e-5)


def test_single_layers_are_equal_to_the_bit():
  for layer in (
    linen.Dense(7),
    linen.DenseGeneral((2, 3), axis=(-2, -1)),
    linen.Conv(7, (3, 3)),
    linen.Conv(3, (3, 3), feature_group_count=3),
  ):
    plain = rewrite.Rewritten(layer)
    variables = plain.init(jax.random.key(0), _images())
    exact = traced.collection({'': (quant.FLOAT, quant.FLOAT)})
    apply = jax.jit(rewrite.Rewritten(layer, (traced.Traced(),)).apply)
    apply = apply.lower({**variables, **exact}, _images()).compile()
    for widths in ((8, 8), (4, 8), (2, 3), (1, 1), (5, 32)):
      net = rewrite.Rewritten(layer, quant.rules(*widths))
      ours = apply({**variables, **traced.bits(net, SHAPE)}, _images())
      fixed = jax.jit(net.apply)(variables, _images())
      np.testing.assert_array_equal(ours, fixed)
    np.testing.assert_allclose(  # Sums of floats round by their order.
      apply({**variables, **exact}, _images()),
      jax.jit(plain.apply)(variables, _images()),
      rtol=1e-5,
      atol=1e-6,
    )


def _gradients(net, variables):
  x, labels = _images(), jnp.arange(4)

  def loss(params):
    logits = net.apply({**variables, 'params': params}, x)
    return objective.cross_entropy(logits, labels)

  found = jax.jit(jax.grad(loss))(variables['params'])
  return traverse_util.flatten_dict(found, sep='/')


@pytest.mark.parametrize('widths', [(4, 8), (32, 32)])
def test_every_kernel_learns_as_under_the_rules(variables, widths):
  net = rewrite.Rewritten(Net(), quant.rules(*widths))
  fixed = _gradients(net, variables)
  ours = _gradients(
    rewrite.Rewritten(Net(), (traced.Traced(),)),
    {**variables, **traced.bits(net, SHAPE)},
  )
  for path, g in ours.items():
    if not path.endswith('kernel'):
      continue
    # AQT's dense layers pass gradients through the float operands, ours
    # through the quantized ones.
    norms = jnp.linalg.norm(g) * jnp.linalg.norm(fixed[path])
    assert norms > 0, path
    assert (g * fixed[path]).sum() / norms > 0.95, path


def test_candidates_that_differ_in_bits_share_one_step(variables):
  net = rewrite.Rewritten(Net(), (traced.Traced(),))
  tx = optax.sgd(0.1)
  step, program = jax.jit(step_lib.make(net, tx.update)), None
  numbers = {'label_smoothing': jnp.float32(0.1), 'ema': jnp.float32(0)}
  rng = np.random.default_rng(0)
  paths = rewrite.coverage(Net(), net.rules, SHAPE).rules_by_path
  assert set(PATHS) <= set(paths)
  finals = []
  for _ in range(6):
    widths = {p: (int(rng.choice([2, 3, 4, 8, 32])), 8) for p in paths}
    bits = jax.tree.map(jnp.asarray, traced.collection(widths))
    state = state_lib.State(
      step=jnp.int32(0),
      params=variables['params'],
      model_state={'batch_stats': variables['batch_stats'], **bits},
      opt_state=tx.init(variables['params']),
      ema=None,
    )
    losses = []
    rest = _images(), jnp.arange(4), jax.random.key(0), numbers
    program = program or step.lower(state, *rest).compile()
    for _ in range(8):
      state, metrics = program(state, *rest)
      losses.append(float(metrics['loss']))
    assert losses[-1] < losses[0]
    jax.tree.map(
      np.testing.assert_array_equal, state.model_state['bits'], bits['bits']
    )
    finals.append(losses[-1])
  assert len(set(finals)) == 6  # The bits do reach the arithmetic.


def test_a_population_is_one_call(variables, run):
  paths = list(rewrite.coverage(Net(), (traced.Traced(),), SHAPE).rules_by_path)
  some = [
    traced.collection(dict.fromkeys(paths, (width, 8))) for width in (2, 4, 8)
  ]
  together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *some)
  net = rewrite.Rewritten(Net(), (traced.Traced(),))
  apply = jax.vmap(lambda b: net.apply({**variables, **b}, _images()))
  found = jax.jit(apply)(together)
  for one, bits in zip(found, some, strict=True):
    np.testing.assert_allclose(
      one, run({**variables, **bits}, _images()), rtol=1e-4, atol=2e-5
    )


def test_bad_input_is_one_line(variables):
  with pytest.raises(errors.UserError, match=r"no bits of 'stem'.*traced.bits"):
    rewrite.Rewritten(Net(), (traced.Traced(),)).apply(variables, _images())
  with pytest.raises(errors.UserError, match=r'1 to 8, or 32 .* got 9 for the'):
    traced.collection({'stem': (9, 8)})
