"""EfficientNet-B0 to B7, each at an input size of its own."""

from collections.abc import Sequence
import functools
import math

import jax

from effnas import arguments
from effnas.nn import channels, layers, squeeze_excite, staged
from effnas.nn.blocks import mbconv
from effnas.zoo import network, pytorch

PAPER = (
  'Tan and Le, 2019, EfficientNet: Rethinking Model Scaling for Convolutional '
  'Neural Networks, https://arxiv.org/abs/1905.11946'
)
# Expansion, kernel, channels, blocks, stride.
Row = tuple[int, int, int, int, int]
# Table 1 of the paper: B0.
ROWS: tuple[Row, ...] = (
  (1, 3, 16, 1, 1),
  (6, 3, 24, 2, 2),
  (6, 5, 40, 2, 2),
  (6, 3, 80, 3, 2),
  (6, 5, 112, 3, 1),
  (6, 5, 192, 4, 2),
  (6, 3, 320, 1, 1),
)
# Width, depth, side of the image, dropout; from the published code.
_SCALES = (
  (1.0, 1.0, 224, 0.2),
  (1.0, 1.1, 240, 0.2),
  (1.1, 1.2, 260, 0.3),
  (1.2, 1.4, 300, 0.3),
  (1.4, 1.8, 380, 0.4),
  (1.6, 2.2, 456, 0.4),
  (1.8, 2.6, 528, 0.5),
  (2.0, 3.1, 600, 0.5),
)


def efficientnet(
  width: arguments.Positive = 1.0,
  depth: arguments.Positive = 1.0,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  dropout: arguments.Decay = 0.2,
  epsilon: arguments.Positive = 1e-5,
  rows: Sequence[Row] = ROWS,
) -> staged.StagedNet:
  """Returns an EfficientNet, by default B0.

  Args:
    width: Multiplies all channels, those of stem and head too.
    depth: Multiplies the blocks of each stage, rounded up.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    dropout: Rate before the classifier.
    epsilon: Of the batch normalisations; 1e-3 in the published code.
    rows: Expansion, kernel, channels, blocks and stride of each stage.

  Returns:
    The network; 5,288,548 parameters and 385,814,752 MACs for B0 at 224x224.

  Reference:
    Tan and Le, 2019, https://arxiv.org/abs/1905.11946
  """
  norm = layers.Norm(epsilon=epsilon)
  block = mbconv.MBConv(
    se=True,
    squeeze=squeeze_excite.SqueezeExcite(act=jax.nn.silu, gate=jax.nn.sigmoid),
    norm=norm,
    act=jax.nn.silu,
  )
  return staged.StagedNet(
    stem=channels.divisible(32 * width),
    stem_stride=stem_stride,
    stages=tuple(
      staged.Stage(
        channels.divisible(features * width),
        stride,
        math.ceil(blocks * depth),
        block.copy(kernel=kernel, expand=expand),
      )
      for expand, kernel, features, blocks, stride in rows
    ),
    head=channels.divisible(1280 * width),
    classes=classes,
    dropout=dropout,
    act=jax.nn.silu,
    norm=norm,
  )


def networks() -> dict[str, network.Network]:
  """Returns B0 to B7."""
  return {
    f'efficientnet_b{i}': network.Network(
      functools.partial(efficientnet, width, depth, dropout=dropout),
      (side, side, 3),
      PAPER,
      torch=pytorch.mobile,
    )
    for i, (width, depth, side, dropout) in enumerate(_SCALES)
  }


def miniature() -> network.Network:
  """Returns two narrow stages, for tests."""
  rows = ((1, 3, 32, 1, 1), (6, 5, 48, 2, 2))
  return network.Network(
    functools.partial(efficientnet, 0.25, classes=10, rows=rows),
    (32, 32, 3),
    PAPER,
  )
