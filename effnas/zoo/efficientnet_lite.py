"""EfficientNet-Lite0 to Lite4: for accelerators with integers only."""

from collections.abc import Sequence
import functools
import math

from effnas import arguments
from effnas.nn import channels, layers, staged
from effnas.nn.blocks import mbconv
from effnas.zoo import efficientnet, network, pytorch

PAPER = (
  'Liu, 2020, Higher accuracy on vision models with EfficientNet-Lite, '
  'https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/'
  'lite; after ' + efficientnet.PAPER
)
# Width, depth, side of the image, dropout; from the published code.
_SCALES = (
  (1.0, 1.0, 224, 0.2),
  (1.0, 1.1, 240, 0.2),
  (1.1, 1.2, 260, 0.3),
  (1.2, 1.4, 280, 0.3),
  (1.4, 1.8, 300, 0.3),
)


def efficientnet_lite(
  width: arguments.Positive = 1.0,
  depth: arguments.Positive = 1.0,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  dropout: arguments.Decay = 0.2,
  epsilon: arguments.Positive = 1e-5,
  rows: Sequence[efficientnet.Row] = efficientnet.ROWS,
) -> staged.StagedNet:
  """Returns an EfficientNet-Lite, by default Lite0.

  It is EfficientNet with ReLU6 and without squeeze-and-excitation, whose stem,
  head and numbers of blocks in the first and the last stage do not scale.

  Args:
    width: Multiplies the channels of the stages.
    depth: Multiplies the blocks of all stages but first and last, rounded up.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    dropout: Rate before the classifier.
    epsilon: Of the batch normalisations; 1e-3 in the published code.
    rows: Expansion, kernel, channels, blocks and stride of each stage.

  Returns:
    The network; 4,652,008 parameters and 385,187,552 MACs for Lite0 at 224x224.

  Reference:
    Tan and Le, 2019, https://arxiv.org/abs/1905.11946, and the code at
    https://github.com/tensorflow/tpu
  """
  norm = layers.Norm(epsilon=epsilon)
  return staged.StagedNet(
    stem=32,
    stem_stride=stem_stride,
    stages=tuple(
      staged.Stage(
        channels.divisible(features * width),
        stride,
        blocks if i in (0, len(rows) - 1) else math.ceil(blocks * depth),
        mbconv.MBConv(kernel=kernel, expand=expand, norm=norm),
      )
      for i, (expand, kernel, features, blocks, stride) in enumerate(rows)
    ),
    classes=classes,
    dropout=dropout,
    norm=norm,
  )


def networks() -> dict[str, network.Network]:
  """Returns Lite0 to Lite4."""
  return {
    f'efficientnet_lite{i}': network.Network(
      functools.partial(efficientnet_lite, width, depth, dropout=dropout),
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
    functools.partial(efficientnet_lite, 0.25, classes=10, rows=rows),
    (32, 32, 3),
    PAPER,
  )
