"""Long dense layers: what an int32 cannot hold is summed in parts."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import quant
from effnas.nn import rewrite
from effnas.quant import accumulating

LONG = 140_001  # at 8 bits, more than int32 holds


def _means(settings, length, axis=-1):
  """Results of a layer of ones on ones by its inputs, as trained and served."""
  layer = linen.DenseGeneral(
    1, axis=axis, kernel_init=linen.initializers.ones, use_bias=False
  )
  net = rewrite.Rewritten(layer, quant.rules(**settings))
  shape = (length,) if axis == -1 else (length // 3, 3)
  x = jnp.ones((2, *shape))
  variables = net.init(jax.random.key(0), x)
  if settings.get('ranges') == 'static':
    _, ranges = net.apply(variables, x, mutable=['ranges'])
    variables = {**variables, **ranges}
  if settings.get('learned'):
    step = {
      'kernel_step': jnp.full(1, 1 / 127),
      'input_step': jnp.ones(()) / 127,
    }
    step = {k: v.reshape(variables['params'][k].shape) for k, v in step.items()}
    variables = {'params': {**variables['params'], **step}}
  served, integers = quant.convert(net, variables, shape)
  slope = jax.grad(lambda x: net.apply(variables, x).sum())(x)
  return (
    net.apply(variables, x) / length,
    served.apply(integers, x) / length,
    slope,
  )


@pytest.mark.parametrize(
  'settings',
  [
    {},
    {'ranges': 'static'},
    {'learned': True},
  ],
)
def test_long_layers_do_not_wrap(settings):
  short, long = _means(settings, 300), _means(settings, LONG)
  for few, many in zip(short[:2], long[:2], strict=True):
    assert 0.97 < few[0, 0] < 1.03
    np.testing.assert_allclose(many, few[0, 0], rtol=1e-4)
  np.testing.assert_array_equal(long[0], long[1])
  np.testing.assert_allclose(long[2], short[2][0, 0], rtol=0.05)


def test_layers_of_several_axes_do_not_wrap():
  trained, served, _ = _means({}, LONG, axis=(-2, -1))
  np.testing.assert_allclose(trained, served)
  assert 0.97 < served[0, 0] < 1.03


@pytest.mark.parametrize('bits', [(8, 8), (4, 8), (2, 8)])
def test_the_bound_is_that_of_the_largest_codes(bits):
  most = accumulating.longest(*bits)
  each = 2 ** (bits[0] - 1) * 2 ** (bits[1] - 1)
  assert most * each < 2**31 <= (most + 1) * each


def test_parts_are_as_few_as_can_be_and_short_layers_have_one():
  numbers = (((1,), (0,)), ((), ()))

  def products(length, bits):
    x, k = (
      jax.ShapeDtypeStruct(s, jnp.int8) for s in ((2, length), (length, 3))
    )
    traced = jax.make_jaxpr(
      lambda x, k: accumulating.dot(x, k, numbers, bits, jnp.float32)
    )(x, k)
    return str(traced).count('= dot_general'), str(traced).count('= slice')

  assert products(131_071, (8, 8)) == (1, 0)
  assert products(131_072, (8, 8)) == (2, 4)
  assert products(300_000, (8, 8)) == (3, 6)
  assert products(300_000, (4, 8)) == (1, 0)
