"""MobileNetV1 at its published widths."""

from collections.abc import Sequence
import functools

import jax

from effnas import arguments
from effnas.nn import channels, layers, staged
from effnas.nn.blocks import separable
from effnas.zoo import network, pytorch

PAPER = (
  'Howard et al., 2017, MobileNets: Efficient Convolutional Neural Networks '
  'for Mobile Vision Applications, https://arxiv.org/abs/1704.04861'
)
# Channels, blocks, stride (table 1 of the paper; a stage ends before a stride).
_STAGES = (
  (64, 1, 1),
  (128, 2, 2),
  (256, 2, 2),
  (512, 6, 2),
  (1024, 2, 2),
)
_WIDTHS = (1.0, 0.75, 0.5, 0.25)


def mobilenet_v1(
  width: arguments.Positive = 1.0,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  dropout: arguments.Decay = 0.001,
  epsilon: arguments.Positive = 1e-5,
  stages: Sequence[tuple[int, int, int]] = _STAGES,
) -> staged.StagedNet:
  """Returns MobileNetV1.

  The activation is ReLU6, as in the published code; the paper writes ReLU.

  Args:
    width: Multiplies all channels.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    dropout: Rate before the classifier.
    epsilon: Of the batch normalisations; 1e-3 in the published code.
    stages: Channels, blocks and stride of each.

  Returns:
    The network; 4,231,976 parameters and 568,740,352 MACs at width 1 and
    224x224.

  Reference:
    Howard et al., 2017, https://arxiv.org/abs/1704.04861
  """
  norm = layers.Norm(epsilon=epsilon)
  block = separable.Separable(norm=norm, act=jax.nn.relu6)
  return staged.StagedNet(
    stem=channels.divisible(32 * width),
    stem_stride=stem_stride,
    stages=tuple(
      staged.Stage(channels.divisible(features * width), stride, depth, block)
      for features, depth, stride in stages
    ),
    head=0,
    classes=classes,
    dropout=dropout,
    norm=norm,
  )


def networks() -> dict[str, network.Network]:
  """Returns the published widths."""
  return {
    name(width): network.Network(
      functools.partial(mobilenet_v1, width),
      (224, 224, 3),
      PAPER,
      torch=pytorch.mobile,
    )
    for width in _WIDTHS
  }


def name(width: float) -> str:
  """Returns the name of a width.

  Example:
    >>> name(1.0), name(0.75)
    ('mobilenet_v1', 'mobilenet_v1_075')
  """
  return 'mobilenet_v1' + ('' if width == 1 else f'_{round(100 * width):03}')


def miniature() -> network.Network:
  """Returns two narrow stages, for tests."""
  return network.Network(
    functools.partial(
      mobilenet_v1, 0.25, classes=10, stages=((32, 1, 1), (64, 2, 2))
    ),
    (32, 32, 3),
    PAPER,
  )
