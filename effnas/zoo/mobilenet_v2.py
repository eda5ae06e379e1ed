"""MobileNetV2 at its published widths, and the space around it."""

from collections.abc import Sequence
import functools

from effnas import arguments
from effnas import space as sp
from effnas.nn import channels, layers, staged
from effnas.nn.blocks import mbconv
from effnas.zoo import network, pytorch, widths

PAPER = (
  'Sandler et al., 2018, MobileNetV2: Inverted Residuals and Linear '
  'Bottlenecks, https://arxiv.org/abs/1801.04381'
)
INPUT = network.Input((224, 224, 3))
# Expansion, channels, blocks, stride (table 2 of the paper).
_STAGES = (
  (1, 16, 1, 1),
  (6, 24, 2, 2),
  (6, 32, 3, 2),
  (6, 64, 4, 2),
  (6, 96, 3, 1),
  (6, 160, 3, 2),
  (6, 320, 1, 1),
)
_WIDTHS = (1.4, 1.3, 1.0, 0.75, 0.5, 0.35)


def mobilenet_v2(
  width: arguments.Positive = 1.0,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  dropout: arguments.Decay = 0.2,
  epsilon: arguments.Positive = 1e-5,
  stages: Sequence[tuple[int, int, int, int]] = _STAGES,
) -> staged.StagedNet:
  """Returns MobileNetV2.

  Args:
    width: Multiplies all channels (those of the head where above 1).
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    dropout: Rate before the classifier.
    epsilon: Of the batch normalisations; 1e-3 in the published code.
    stages: Expansion, channels, blocks and stride of each.

  Returns:
    The network; 3,504,872 parameters and 300,774,272 MACs at width 1 and
    224x224.

  Reference:
    Sandler et al., 2018, https://arxiv.org/abs/1801.04381
  """
  norm = layers.Norm(epsilon=epsilon)
  return staged.StagedNet(
    stem=channels.divisible(32 * width),
    stem_stride=stem_stride,
    stages=tuple(
      staged.Stage(
        channels.divisible(features * width),
        stride,
        depth,
        mbconv.MBConv(expand=expand, norm=norm),
      )
      for expand, features, depth, stride in stages
    ),
    head=_head(width),
    classes=classes,
    dropout=dropout,
    norm=norm,
  )


def _head(width: float) -> int:
  return channels.divisible(1280 * max(1.0, width))


def networks() -> dict[str, network.Network]:
  """Returns the published widths."""
  return {
    name(width): network.Network(
      functools.partial(mobilenet_v2, width=width),
      INPUT.shape,
      PAPER,
      torch=pytorch.mobile,
    )
    for width in _WIDTHS
  }


def name(width: float) -> str:
  """Returns the name of a width.

  Example:
    >>> name(1.0), name(0.75)
    ('mobilenet_v2', 'mobilenet_v2_075')
  """
  return 'mobilenet_v2' + ('' if width == 1 else f'_{round(100 * width):03}')


def miniature() -> network.Network:
  """Returns two narrow stages, for tests."""
  return network.Network(
    functools.partial(
      mobilenet_v2, 0.25, classes=10, stages=((1, 32, 1, 1), (6, 48, 2, 2))
    ),
    (32, 32, 3),
    PAPER,
  )


def space(
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  width: arguments.Positive | arguments.Positives = _WIDTHS[::-1],
  epsilon: arguments.Positive = 1e-5,
) -> sp.Space:
  """Returns the space around MobileNetV2.

  Its choices are the width of the network, the depth of each stage, and kernel,
  expansion and squeeze-and-excitation of the stage's blocks.

  Args:
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    width: Multiplies the published channels; of several one is chosen, as
      'width'.
    epsilon: Of the batch normalisations.

  Returns:
    A space of which the published networks are points.

  Raises:
    UserError: A width is not above 0.

  Example:
    >>> list(space().decisions)[:2]
    ['width', 'model.stages.0.depth']
  """
  by = widths.scaled(width)
  norm = layers.Norm(epsilon=epsilon)
  stages = []
  for expand, features, depth, stride in _STAGES:
    block = mbconv.MBConv(
      expand=sp.oneof(*sorted({3, 4, 6} if expand > 1 else {1, 2})),
      kernel=sp.oneof(3, 5, 7),
      se=sp.oneof(False, True),
      norm=norm,
    )
    depths = sp.oneof(*range(max(1, depth - 1), depth + 2))
    stages.append(
      staged.Stage(widths.features(by, features), stride, depths, block)
    )
  net = staged.StagedNet(
    stages=tuple(stages),
    stem=widths.features(by, 32),
    stem_stride=stem_stride,
    head=by(_head),
    classes=classes,
    dropout=0.2,
    norm=norm,
  )
  return sp.Space({'model': net})
