"""GhostNet: half of each layer's features are cheap copies of the others."""

from collections.abc import Sequence
import functools

import jax

from effnas import arguments
from effnas.nn import channels, layers, staged
from effnas.nn.blocks import ghost
from effnas.zoo import network

PAPER = (
  'Han et al., 2020, GhostNet: More Features from Cheap Operations, '
  'https://arxiv.org/abs/1911.11907'
)
# Stages of blocks: kernel, hidden channels, channels, squeeze-and-excitation,
# stride (table 1 of the paper).
Row = tuple[int, int, int, bool, int]
_STAGES: tuple[tuple[Row, ...], ...] = (
  ((3, 16, 16, False, 1),),
  ((3, 48, 24, False, 2),),
  ((3, 72, 24, False, 1),),
  ((5, 72, 40, True, 2),),
  ((5, 120, 40, True, 1),),
  ((3, 240, 80, False, 2),),
  (
    (3, 200, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 480, 112, True, 1),
    (3, 672, 112, True, 1),
  ),
  ((5, 672, 160, True, 2),),
  (
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
  ),
)


def ghostnet(
  width: arguments.Positive = 1.0,
  stages: Sequence[Sequence[Row]] = _STAGES,
  stem: arguments.Count = 16,
  hidden: arguments.Count = 1280,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  dropout: arguments.Decay = 0.2,
  epsilon: arguments.Positive = 1e-5,
) -> staged.StagedNet:
  """Returns GhostNet.

  Args:
    width: Multiplies all channels but those behind the pooling.
    stages: Of blocks of (kernel, hidden channels, channels, whether to squeeze
      and excite, stride).
    stem: Channels of the first convolution.
    hidden: Channels of the dense layer before the classifier.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    dropout: Rate before the classifier.
    epsilon: Of the batch normalisations.

  Returns:
    The network; 5,182,508 parameters and 141,150,512 MACs at width 1 and
    224x224.

  Reference:
    Han et al., 2020, https://arxiv.org/abs/1911.11907
  """
  norm = layers.Norm(epsilon=epsilon)
  scaled = functools.partial(_scaled, width)
  before = scaled(stem)
  made = []
  for rows in stages:
    blocks = []
    for kernel, wide, features, se, stride in rows:
      blocks.append(
        ghost.GhostBottleneck(
          features=scaled(features),
          stride=stride,
          kernel=kernel,
          expand=scaled(wide) / before,
          se=se,
          norm=norm,
        )
      )
      before = scaled(features)
    made.append(staged.Blocks(tuple(blocks)))
  return staged.StagedNet(
    tuple(made),
    stem=scaled(stem),
    stem_stride=stem_stride,
    # As wide as the last block is inside.
    head=scaled(stages[-1][-1][1]),
    classes=classes,
    dropout=dropout,
    act=jax.nn.relu,
    hidden=hidden,
    norm=norm,
  )


def _scaled(width: float, features: int) -> int:
  return channels.divisible(features * width, 4)


def networks() -> dict[str, network.Network]:
  """Returns the network at width 1."""
  return {'ghostnet': network.Network(ghostnet, (224, 224, 3), PAPER)}


def miniature() -> network.Network:
  """Returns two blocks: one strided and squeezed, one with a shortcut."""
  stages = (((3, 16, 8, False, 1),), ((5, 24, 16, True, 2),))
  return network.Network(
    functools.partial(
      ghostnet, 1.0, stages, 8, hidden=32, classes=10, dropout=0.0
    ),
    (16, 16, 3),
    PAPER,
  )
