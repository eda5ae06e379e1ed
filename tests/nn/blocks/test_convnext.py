"""ConvNeXt: its formula, its scale, its downsampling."""

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import trained

from effnas.nn import rewrite
from effnas.nn.blocks import convnext

X = jax.random.normal(jax.random.key(0), (2, 5, 4, 6))


def _norm(x, params):
  x = x - x.mean(-1, keepdims=True)
  x = x / jnp.sqrt(x.var(-1, keepdims=True) + 1e-6)
  return x * params['layer']['scale'] + params['layer']['bias']


def _affine(x, params):
  return x @ params['kernel'] + params['bias']


def test_it_equals_its_formula():
  block = convnext.ConvNeXt()
  variables = trained.variables(block, X)
  p = variables['params']
  y = lax.conv_general_dilated(
    X,
    p['depthwise']['kernel'],
    (1, 1),
    ((3, 3), (3, 3)),
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
    feature_group_count=6,
  )
  y = _norm(y + p['depthwise']['bias'], p['norm'])
  y = jax.nn.gelu(_affine(y, p['mlp_in']), approximate=False)
  y = X + _affine(y, p['mlp_out']) * p['branch']['scale']['scale']
  np.testing.assert_allclose(jax.jit(block.apply)(variables, X), y, atol=1e-4)


def test_a_layer_scale_of_zero_is_the_identity_and_none_has_no_parameters():
  block = convnext.ConvNeXt(layer_scale=0.0)
  variables = jax.jit(block.init)(jax.random.key(0), X)
  np.testing.assert_array_equal(jax.jit(block.apply)(variables, X), X)
  plain = rewrite.abstract_variables(block.copy(layer_scale=None), (5, 4, 6))
  assert plain['params'].keys() == variables['params'].keys() - {'branch'}


def test_downsampling_reads_each_pixel_once():
  block = convnext.ConvNeXt(features=4, stride=2, kernel=1, layer_scale=None)
  variables = trained.variables(block, X)
  y = jax.jit(block.apply)(variables, X)
  assert y.shape == (2, 3, 2, 4)
  # Rows 0 to 3 are windows of the published network, row 4 is half of one.
  np.testing.assert_allclose(
    y[:, :2], jax.jit(block.apply)(variables, X[:, :4]), atol=1e-5
  )
  seen = trained.seen(lambda x: block.apply(variables, x).sum((0, 3)), X[:1])
  windows = seen.any((2, 5))
  assert (windows.sum((0, 1)) == 1).all()
  assert (np.asarray(windows.sum((2, 3))) == [[4, 4], [4, 4], [2, 2]]).all()
