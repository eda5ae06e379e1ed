"""FusedMBConv is what it fuses."""

import jax
import jax.numpy as jnp
import numpy as np
import trained

from effnas.nn import layers, rewrite
from effnas.nn.blocks import fused_mbconv, mbconv


def _as_is(x):
  return x


def test_it_fuses_expansion_and_depthwise_convolution():
  x = jax.random.normal(jax.random.key(0), (2, 7, 5, 4))
  apart = mbconv.MBConv(6, 2, 3, 3, act=_as_is)
  variables = jax.jit(apart.init)(jax.random.key(1), x)
  params = variables['params']
  expand = params['expand']['conv']['kernel'][0, 0]
  depthwise = params['depthwise']['conv']['kernel'][:, :, 0]
  kernel = jnp.einsum('ch,ijh->ijch', expand, depthwise)
  # A fresh normalisation divides by the square root of 1 + epsilon.
  params = {
    'expand': {
      'conv': {'kernel': kernel / jnp.sqrt(1 + 1e-5)},
      'normalise': params['expand']['normalise'],
    },
    'project': params['project'],
  }
  fused = fused_mbconv.FusedMBConv(6, 2, 3, 3, act=_as_is)
  np.testing.assert_allclose(
    fused.apply({**variables, 'params': params}, x),
    apart.apply(variables, x),
    atol=1e-5,
  )


def test_an_expansion_of_one_is_a_single_convolution():
  block = fused_mbconv.FusedMBConv(expand=1)
  x = jax.random.normal(jax.random.key(0), (2, 5, 4, 8))
  variables = trained.variables(block, x)
  assert variables['params'].keys() == {'single'}
  conv = layers.ConvNorm(kernel=3, act=jax.nn.silu)
  y = conv.apply({k: v['single'] for k, v in variables.items()}, x)
  np.testing.assert_allclose(
    jax.jit(block.apply)(variables, x), x + y, atol=1e-6
  )


def test_squeezing_gates_what_the_last_convolution_reads():
  for expand, read in ((1, 8), (4, 32)):
    block = fused_mbconv.FusedMBConv(expand=expand, se=True)
    params = rewrite.abstract_variables(block, (5, 4, 8))['params']
    assert params['se']['reduce']['kernel'].shape == (read, 2)
