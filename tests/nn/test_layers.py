"""The layers that blocks are built from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trained

from effnas import errors
from effnas.nn import layers, rewrite


def test_batch_norm_uses_the_batch_in_training_only():
  norm = layers.Norm()
  x = 3 + 2 * jax.random.normal(jax.random.key(0), (64, 5))
  variables = norm.init(jax.random.key(0), x)
  y, changed = norm.apply(variables, x, True, mutable=['batch_stats'])
  np.testing.assert_allclose(y.mean(0), 0, atol=1e-5)
  np.testing.assert_allclose(y.std(0), 1, atol=1e-3)
  np.testing.assert_allclose(norm.apply(variables, x), x, rtol=1e-4)
  stats = changed['batch_stats']['batch']
  np.testing.assert_allclose(stats['mean'], 0.1 * x.mean(0), rtol=1e-4)
  np.testing.assert_allclose(stats['var'], 0.9 + 0.1 * x.var(0), rtol=1e-4)


@pytest.mark.parametrize('kind', ['layer', 'rms'])
def test_norms_over_channels_equal_their_formulas(kind):
  x = 3 + 2 * jax.random.normal(jax.random.key(0), (4, 3, 5))
  norm = layers.Norm(kind)
  variables = trained.variables(norm, x)
  params = variables['params'][kind]
  y = x - x.mean(-1, keepdims=True) if kind == 'layer' else x
  y = y / jnp.sqrt((y**2).mean(-1, keepdims=True) + 1e-5) * params['scale']
  y += params.get('bias', 0)
  np.testing.assert_allclose(norm.apply(variables, x), y, atol=1e-4)


def test_an_unknown_norm_is_refused_in_one_line():
  with pytest.raises(errors.UserError, match="did you mean 'batch'"):
    rewrite.abstract_variables(layers.Norm('bach'), (4,))


def test_an_even_kernel_is_refused_in_one_line():
  with pytest.raises(errors.UserError, match='got 4, take 3 or 5'):
    rewrite.abstract_variables(layers.ConvNorm(kernel=4), (8, 8, 4))


@pytest.mark.parametrize('dilation', [1, 2])
@pytest.mark.parametrize('depthwise', [False, True])
def test_padding_is_symmetric(depthwise, dilation):
  # A mirrored map gives the mirrored result, where the kernel is its own mirror
  # image and the stride meets both ends of the map.
  conv = layers.ConvNorm(
    kernel=3, stride=2, dilation=dilation, depthwise=depthwise
  )
  x = jax.random.normal(jax.random.key(0), (1, 9, 7, 3))
  variables = trained.variables(conv, x)
  kernel = variables['params']['conv']['kernel']
  variables['params']['conv']['kernel'] = kernel + kernel[::-1, ::-1]
  np.testing.assert_allclose(
    conv.apply(variables, x[:, ::-1, ::-1]),
    conv.apply(variables, x)[:, ::-1, ::-1],
    atol=1e-5,
  )
