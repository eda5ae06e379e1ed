"""MnasNet-A1, B1 and small."""

from collections.abc import Sequence
import functools

import jax

from effnas import arguments
from effnas.nn import channels, layers, squeeze_excite, staged
from effnas.nn.blocks import mbconv
from effnas.zoo import network, pytorch

PAPER = (
  'Tan et al., 2019, MnasNet: Platform-Aware Neural Architecture Search for '
  'Mobile, https://arxiv.org/abs/1807.11626'
)
# Expansion, kernel, channels, blocks, stride, squeeze-and-excitation.
Row = tuple[int, int, int, int, int, bool]
# Figure 7 of the paper.
A1: tuple[Row, ...] = (
  (1, 3, 16, 1, 1, False),
  (6, 3, 24, 2, 2, False),
  (3, 5, 40, 3, 2, True),
  (6, 3, 80, 4, 2, False),
  (6, 3, 112, 2, 1, True),
  (6, 5, 160, 3, 2, True),
  (6, 3, 320, 1, 1, False),
)
# These two from the published code.
B1: tuple[Row, ...] = (
  (1, 3, 16, 1, 1, False),
  (3, 3, 24, 3, 2, False),
  (3, 5, 40, 3, 2, False),
  (6, 5, 80, 3, 2, False),
  (6, 3, 96, 2, 1, False),
  (6, 5, 192, 4, 2, False),
  (6, 3, 320, 1, 1, False),
)
SMALL: tuple[Row, ...] = (
  (1, 3, 8, 1, 1, False),
  (3, 3, 16, 1, 2, False),
  (6, 3, 16, 2, 2, False),
  (6, 5, 32, 4, 2, True),
  (6, 3, 32, 3, 1, True),
  (6, 5, 88, 3, 2, True),
  (6, 3, 144, 1, 1, False),
)


def mnasnet(
  rows: Sequence[Row] = A1,
  stem: arguments.Count = 32,
  width: arguments.Positive = 1.0,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  dropout: arguments.Decay = 0.2,
  epsilon: arguments.Positive = 1e-5,
) -> staged.StagedNet:
  """Returns a MnasNet, by default A1.

  Args:
    rows: Expansion, kernel, channels, blocks, stride, and whether to squeeze
      and excite, of each stage: `A1`, `B1` or `SMALL`.
    stem: Channels of the first convolution; 8 in the small one.
    width: Multiplies all channels but those of the head.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    dropout: Rate before the classifier.
    epsilon: Of the batch normalisations; 1e-3 in the published code.

  Returns:
    The network; 3,887,038 parameters and 311,579,072 MACs for A1 at 224x224.

  Reference:
    Tan et al., 2019, https://arxiv.org/abs/1807.11626
  """
  norm = layers.Norm(epsilon=epsilon)
  squeeze = squeeze_excite.SqueezeExcite(gate=jax.nn.sigmoid)
  return staged.StagedNet(
    stem=channels.divisible(stem * width),
    stem_stride=stem_stride,
    stages=tuple(
      staged.Stage(
        channels.divisible(features * width),
        stride,
        depth,
        mbconv.MBConv(
          kernel=kernel,
          expand=expand,
          se=se,
          squeeze=squeeze,
          norm=norm,
          act=jax.nn.relu,
        ),
      )
      for expand, kernel, features, depth, stride, se in rows
    ),
    classes=classes,
    dropout=dropout,
    act=jax.nn.relu,
    norm=norm,
  )


def networks() -> dict[str, network.Network]:
  """Returns A1, B1 and the small network."""
  return {
    name: network.Network(
      functools.partial(mnasnet, rows, stem),
      (224, 224, 3),
      PAPER,
      torch=pytorch.mobile,
    )
    for name, rows, stem in (
      ('mnasnet_a1', A1, 32),
      ('mnasnet_b1', B1, 32),
      ('mnasnet_small', SMALL, 8),
    )
  }


def miniature() -> network.Network:
  """Returns three narrow stages, for tests."""
  rows = (
    (1, 3, 8, 1, 1, False),
    (3, 5, 16, 2, 2, True),
    (6, 3, 16, 1, 2, False),
  )
  return network.Network(
    functools.partial(mnasnet, rows, 8, classes=10), (32, 32, 3), PAPER
  )
