"""The separable convolution is a full one of lower rank."""

import jax
import jax.numpy as jnp
import numpy as np
import trained

from effnas.nn import layers
from effnas.nn.blocks import separable


def _as_is(x):
  return x


def test_it_is_a_full_convolution_whose_kernel_is_a_product():
  block = separable.Separable(features=6, stride=2, kernel=3, act=_as_is)
  x = jax.random.normal(jax.random.key(0), (2, 7, 5, 4))
  variables = jax.jit(block.init)(jax.random.key(1), x)
  params = variables['params']
  depthwise = params['depthwise']['conv']['kernel'][:, :, 0]
  pointwise = params['pointwise']['conv']['kernel'][0, 0]
  kernel = jnp.einsum('ijc,cf->ijcf', depthwise, pointwise)
  full = layers.Conv(6, (3, 3), 2, padding=1, use_bias=False)
  # Two fresh normalisations divide by the square root of 1 + epsilon.
  expected = full.apply({'params': {'kernel': kernel}}, x) / (1 + 1e-5)
  np.testing.assert_allclose(
    jax.jit(block.apply)(variables, x), expected, atol=1e-5
  )


def test_dilation_spreads_the_taps():
  block = separable.Separable(kernel=3, dilation=2, act=_as_is)
  x = jnp.ones((1, 9, 9, 2))
  variables = trained.variables(block, x)
  field = trained.seen(lambda x: block.apply(variables, x)[0, 4, 4, 0], x)
  taps = np.argwhere(field[0, :, :, 0]) - 4
  assert sorted({int(i) for i, _ in taps}) == [-2, 0, 2]
  assert len(taps) == 9
