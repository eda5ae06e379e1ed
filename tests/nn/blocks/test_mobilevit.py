"""MobileViT: patches go and come back, and pixels see their own place only."""

import functools

import formula
import jax
from jax import image
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import footprint
from effnas.nn import encoder, multi_head, staged
from effnas.nn.blocks import mbconv, mobilevit


def _normal(*shape, seed=0):
  return jax.random.normal(jax.random.key(seed), shape)


@pytest.mark.parametrize('patch', [1, 2, 3])
def test_folding_undoes_unfolding(patch):
  x = _normal(2, 6, 12, 5)
  patches = mobilevit.unfold(x, patch)
  assert patches.shape == (2 * patch**2, 6 // patch, 12 // patch, 5)
  np.testing.assert_array_equal(mobilevit.fold(patches, patch), x)


def test_unfolding_gathers_pixels_of_one_place():
  x = _normal(2, 4, 6, 3)
  patches = mobilevit.unfold(x, 2)
  for n, i, j in np.ndindex(2, 2, 2):
    np.testing.assert_array_equal(patches[4 * n + 2 * i + j], x[n, i::2, j::2])


@pytest.mark.parametrize('shape', [(4, 8), (4, 7), (2, 6), (5, 10)])
def test_stretching_is_linear_interpolation(shape):
  x = _normal(2, 3, 7, 4)
  expected = image.resize(x, (2, *shape, 4), 'linear', antialias=False)
  found = mobilevit._stretched(x, shape)
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_map_that_patches_tile_is_not_stretched():
  x = _normal(1, 4, 6, 8)
  init = functools.partial(mobilevit.MobileViT(depth=0).init, jax.random.key(0))
  assert 'gather' not in str(jax.make_jaxpr(init)(x))
  assert 'gather' in str(jax.make_jaxpr(init)(x[:, :3]))


def test_a_pixel_sees_its_own_place_in_all_patches_and_nothing_else():
  x = _normal(1, 6, 8, 8)
  # 1x1 convolutions, so that only attention reaches other pixels.
  block = mobilevit.MobileViT(kernel=1, depth=1)
  variables = jax.jit(block.init)(jax.random.key(1), x)
  apply = jax.jit(block.apply)
  for row, column in ((2, 5), (1, 2)):
    moved = apply(variables, x.at[0, row, column].add(1.0)) - apply(
      variables, x
    )
    expected = np.zeros((6, 8), bool)
    expected[row % 2 :: 2, column % 2 :: 2] = True
    np.testing.assert_array_equal(jnp.abs(moved[0]).max(-1) > 0, expected)


def test_each_layer_of_the_encoder_has_parameters_of_its_own():
  def count(module, shape):
    x = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    shapes = jax.eval_shape(module.init, jax.random.key(0), x)['params']
    return sum(p.size for p in jax.tree.leaves(shapes))

  attention = multi_head.MultiHeadAttention(bias=True)
  layer = count(encoder.EncoderLayer(attention, mlp=2), (4, 4, 24))
  blocks = [
    count(mobilevit.MobileViT(depth=depth), (8, 8, 16)) for depth in (1, 2, 4)
  ]
  assert blocks[1] - blocks[0] == layer
  assert blocks[2] - blocks[1] == 2 * layer


def test_the_encoder_drops_branches_in_training():
  x = jnp.repeat(_normal(1, 4, 4, 8), 8, axis=0)
  block = mobilevit.MobileViT(depth=1, drop_path=0.5)
  variables = jax.jit(block.init)(jax.random.key(1), x)
  y, _ = block.apply(
    variables,
    x,
    True,
    mutable=['batch_stats'],
    rngs={'dropout': jax.random.key(0)},
  )
  assert jnp.abs(y - y[:1]).max() > 0.01


@pytest.mark.parametrize(
  'block',
  [
    mobilevit.MobileViT(16, patch=3, dim=20, depth=3, mlp=1.3),
    mobilevit.MobileViT(12, stride=2, kernel=5, depth=1),
    mobilevit.MobileViT(8, down=mbconv.MBConv(expand=2, kernel=5), depth=1),
  ],
)
def test_it_costs_what_its_docstring_says(block):
  out = (-(-10 // block.stride), -(-7 // block.stride), block.features)
  cost = formula.of(block, (10, 7, 16), out)['MACs']
  assert footprint.measure(block, (10, 7, 16))['macs'] == cost


def test_the_published_network_has_the_published_size():
  # MobileViT-S; timm counts the same 5,578,632 parameters and 2.0 G MACs.
  silu = jax.nn.silu
  convolution = mbconv.MBConv(expand=4, act=silu)
  net = staged.StagedNet(
    stages=[
      staged.Stage(32, 1, 1, convolution),
      staged.Stage(64, 2, 3, convolution),
      *(
        staged.Stage(f, 2, 1, mobilevit.MobileViT(depth=depth))
        for f, depth in ((96, 2), (128, 4), (160, 3))
      ),
    ],
    stem=16,
    head=640,
    act=silu,
  )
  found = footprint.measure(net, (256, 256, 3))
  assert found['params'] == 5_578_632
  assert found['macs'] == 2_000_831_488
