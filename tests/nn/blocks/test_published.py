"""Chained as published, the blocks have the published networks' sizes.

What stands around the blocks, a stem, a head, a classifier, is counted by hand
below.
"""

import functools

import jax

from effnas import footprint
from effnas.nn import blocks, squeeze_excite
from effnas.nn.blocks import mixconv, van

BLOCK = blocks.variants()


def _conv(side, c, f, k, groups=1, bias=0):
  """(parameters, MACs) of a normalised convolution on a map of a side."""
  kernel = k * k * c * f // groups
  return kernel + 2 * f + bias, kernel * side**2


def _dense(c, f):
  return (c + 1) * f, c * f


def _stage(block, features, depth, stride=2, **fields):
  block = block.copy(features=features, **fields)
  return [block.copy(stride=stride)] + [block.copy(stride=1)] * (depth - 1)


@functools.cache
def _measured(block, shape):
  found = footprint.measure(block, shape)
  return found['params'], found['macs']


def _total(shape, chain, *others):
  """Sums the blocks of a chain, each on what the one before gives."""
  sizes = list(others)
  for block in chain:
    sizes.append(_measured(block, shape))
    height, width, channels = shape
    shape = (
      -(-height // block.stride),
      -(-width // block.stride),
      block.features or channels,
    )
  return tuple(map(sum, zip(*sizes, strict=True)))


def test_mobilenet_v3_large():
  relu, swish = jax.nn.relu, jax.nn.hard_swish
  chain, c = [], 16
  for kernel, hidden, features, se, act, stride in (
    (3, 16, 16, False, relu, 1),
    (3, 64, 24, False, relu, 2),
    (3, 72, 24, False, relu, 1),
    (5, 72, 40, True, relu, 2),
    (5, 120, 40, True, relu, 1),
    (5, 120, 40, True, relu, 1),
    (3, 240, 80, False, swish, 2),
    (3, 200, 80, False, swish, 1),
    (3, 184, 80, False, swish, 1),
    (3, 184, 80, False, swish, 1),
    (3, 480, 112, True, swish, 1),
    (3, 672, 112, True, swish, 1),
    (5, 672, 160, True, swish, 2),
    (5, 960, 160, True, swish, 1),
    (5, 960, 160, True, swish, 1),
  ):
    block = BLOCK['mobilenet_v3'].copy(expand=hidden / c, se=se, act=act)
    chain += _stage(block, features, 1, stride, kernel=kernel)
    c = features
  assert _total(
    (112, 112, 16),
    chain,
    _conv(112, 3, 16, 3),
    _conv(7, 160, 960, 1),
    _dense(960, 1280),
    _dense(1280, 1000),
  ) == (5_483_032, 216_589_760)


def test_efficientnet_v2_small():
  fused, mbconv = BLOCK['efficientnet_v2'], BLOCK['efficientnet']
  chain = _stage(BLOCK['efficientnet_v2_first'], 24, 2, 1)
  chain += _stage(fused, 48, 4) + _stage(fused, 64, 4)
  chain += _stage(mbconv, 128, 6, expand=4)
  chain += _stage(mbconv, 160, 9, 1) + _stage(mbconv, 256, 15)
  assert _total(
    (192, 192, 24),
    chain,
    _conv(192, 3, 24, 3),
    _conv(12, 256, 1280, 1),
    _dense(1280, 1000),
  ) == (21_458_488, 8_365_617_152)


def test_convnext_tiny():
  block = BLOCK['convnext']
  chain = _stage(block, 96, 3, 1) + _stage(block, 192, 3)
  chain += _stage(block, 384, 9) + _stage(block, 768, 3)
  params, macs = _total(
    (56, 56, 96),
    chain,
    _conv(56, 3, 96, 4, bias=96),
    (2 * 768, 0),
    _dense(768, 1000),
  )
  assert params == 28_589_128
  assert round(macs / 1e9, 4) == 4.4555


def test_shufflenet_v2():
  block = BLOCK['shufflenet_v2']
  chain = _stage(block, 116, 4) + _stage(block, 232, 8) + _stage(block, 464, 4)
  params, macs = _total(
    (56, 56, 24),
    chain,
    _conv(112, 3, 24, 3),
    _conv(7, 464, 1024, 1),
    _dense(1024, 1000),
  )
  assert params == 2_278_604  # torchvision's metadata, with 0.145 G
  assert round(macs / 1e9, 3) == 0.145


def test_mixnet_small():
  chain = []
  # Kernels, groups of expansion and projection, expansion, channels, blocks,
  # stride, ratio of squeeze-and-excitation.
  for kernels, e, p, expand, features, depth, stride, ratio in (
    ((3,), 1, 1, 1, 16, 1, 1, 0),
    ((3,), 2, 2, 6, 24, 1, 2, 0),
    ((3,), 2, 2, 3, 24, 1, 1, 0),
    ((3, 5, 7), 1, 1, 6, 40, 1, 2, 0.5),
    ((3, 5), 2, 2, 6, 40, 3, 1, 0.5),
    ((3, 5, 7), 1, 2, 6, 80, 1, 2, 0.25),
    ((3, 5), 1, 2, 6, 80, 2, 1, 0.25),
    ((3, 5, 7), 2, 2, 6, 120, 1, 1, 0.5),
    ((3, 5, 7, 9), 2, 2, 3, 120, 2, 1, 0.5),
    ((3, 5, 7, 9, 11), 1, 1, 6, 200, 1, 2, 0.5),
    ((3, 5, 7, 9), 1, 2, 6, 200, 2, 1, 0.5),
  ):
    block = mixconv.MixConv(
      kernels=kernels,
      expand=expand,
      expand_groups=e,
      project_groups=p,
      se=bool(ratio),
      squeeze=squeeze_excite.SqueezeExcite(ratio),
    )
    chain += _stage(block, features, depth, stride)
  params, _ = _total(
    (112, 112, 16),
    chain,
    _conv(112, 3, 16, 3),
    _conv(7, 200, 1536, 1),
    _dense(1536, 1000),
  )
  # As timm lists it among its results.
  assert round(params / 1e6, 2) == 4.13


def test_ghostnet():
  chain, c = [], 16
  for kernel, hidden, features, se, stride in (
    (3, 16, 16, False, 1),
    (3, 48, 24, False, 2),
    (3, 72, 24, False, 1),
    (5, 72, 40, True, 2),
    (5, 120, 40, True, 1),
    (3, 240, 80, False, 2),
    (3, 200, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 480, 112, True, 1),
    (3, 672, 112, True, 1),
    (5, 672, 160, True, 2),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
  ):
    block = BLOCK['ghostnet'].copy(expand=hidden / c, se=se)
    chain += _stage(block, features, 1, stride, kernel=kernel)
    c = features
  params, macs = _total(
    (112, 112, 16),
    chain,
    _conv(112, 3, 16, 3),
    _conv(7, 160, 960, 1),
    _dense(960, 1280),
    _dense(1280, 1000),
  )
  # The paper: 5.2 M parameters and 141 M MACs.
  assert (round(params / 1e6, 1), round(macs / 1e6)) == (5.2, 141)


def test_replknet_31b_as_deployed():
  chain = []
  for features, depth, kernel in (
    (128, 2, 31),
    (256, 2, 29),
    (512, 18, 27),
    (1024, 2, 13),
  ):
    block = BLOCK['replknet'].copy(kernel=kernel, merged=True)
    chain += _stage(block, features, depth, 2 if chain else 1)
  params, macs = _total(
    (56, 56, 128),
    chain,
    _conv(112, 3, 128, 3),
    _conv(112, 128, 128, 3, 128),
    _conv(112, 128, 128, 1),
    _conv(56, 128, 128, 3, 128),
    (2 * 1024, 0),
    _dense(1024, 1000),
  )
  # The paper: 79 M parameters and 15.3 G MACs.
  assert (int(params / 1e6), int(macs / 1e8)) == (79, 153)


def test_van_tiny():
  chain = []
  for features, depth, mlp in (
    (32, 3, 8),
    (64, 3, 8),
    (160, 5, 4),
    (256, 2, 4),
  ):
    block = van.VAN(mlp=mlp)
    chain += _stage(block, features, depth, 2 if chain else 1)
  params, macs = _total(
    (56, 56, 32),
    chain,
    _conv(56, 3, 32, 7),
    (2 * (32 + 64 + 160 + 256), 0),
    _dense(256, 1000),
  )
  # The paper: 4.1 M parameters and 0.9 G MACs.
  assert (round(params / 1e6, 1), round(macs / 1e9, 1)) == (4.1, 0.9)
