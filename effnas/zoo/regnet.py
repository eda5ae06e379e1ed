"""RegNets X and Y of the mobile regime."""

from collections.abc import Collection
import functools

import jax

from effnas import arguments
from effnas.nn import layers, staged
from effnas.nn.blocks import residual
from effnas.zoo import network

PAPER = (
  'Radosavovic et al., 2020, Designing Network Design Spaces, '
  'https://arxiv.org/abs/2003.13678'
)
# Channels and blocks of each stage, squeeze-and-excitation; in each, a group
# has 8 channels (appendix of the paper).
_NETWORKS = {
  'regnet_x_200mf': ((24, 56, 152, 368), (1, 1, 4, 7), False),
  'regnet_y_200mf': ((24, 56, 152, 368), (1, 1, 4, 7), True),
  'regnet_y_400mf': ((48, 104, 208, 440), (1, 3, 6, 6), True),
}


def _torch(path: str, paths: Collection[str]) -> str | None:
  """Names as timm does: it counts stages and blocks from one."""
  del paths
  words = path.split('/')
  if words[0].startswith('stages_') and len(words) == 4:
    stage, block = (1 + int(word.rpartition('_')[2]) for word in words[:2])
    part = _PARTS.get('/'.join(words[2:]))
    return part and f's{stage}.b{block}.{part}'
  return _PARTS.get(path)


_KINDS = {'conv': 'conv', 'normalise': 'bn'}
_PARTS = {
  'classifier': 'head.fc',
  'squeeze_excite/reduce': 'se.fc1',
  'squeeze_excite/expand': 'se.fc2',
  **{
    f'{ours}/{kind}': f'{theirs}.{name}'
    for ours, theirs in (
      ('stem', 'stem'),
      ('conv_1', 'conv1'),
      ('conv_2', 'conv2'),
      ('conv_3', 'conv3'),
      ('shortcut', 'downsample'),
    )
    for kind, name in _KINDS.items()
  },
}


def regnet(
  widths: arguments.Counts = (24, 56, 152, 368),
  depths: arguments.Depths = (1, 1, 4, 7),
  se: bool = False,
  group_width: arguments.Count = 8,
  stem: arguments.Count = 32,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  epsilon: arguments.Positive = 1e-5,
) -> staged.StagedNet:
  """Returns a RegNet, by default X-200MF.

  Args:
    widths: Channels of each stage.
    depths: Blocks of each stage.
    se: Whether blocks squeeze and excite: Y; else X.
    group_width: Channels of a group of the 3x3 convolutions.
    stem: Channels of the convolution in front.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    epsilon: Of the batch normalisations.

  Returns:
    The network; 2,684,792 parameters and 199,039,872 MACs for X-200MF at
    224x224.

  Reference:
    Radosavovic et al., 2020, https://arxiv.org/abs/2003.13678
  """
  norm = layers.Norm(epsilon=epsilon)
  block = residual.Bottleneck(
    ratio=1, group_width=group_width, se=se, norm=norm
  )
  return staged.StagedNet(
    stem=stem,
    stem_stride=stem_stride,
    stages=tuple(
      staged.Stage(width, 2, depth, block)
      for width, depth in zip(widths, depths, strict=True)
    ),
    head=0,
    classes=classes,
    act=jax.nn.relu,
    norm=norm,
  )


def networks() -> dict[str, network.Network]:
  """Returns X-200MF, Y-200MF and Y-400MF."""
  return {
    name: network.Network(
      functools.partial(regnet, *shape), (224, 224, 3), PAPER, torch=_torch
    )
    for name, shape in _NETWORKS.items()
  }


def miniature() -> network.Network:
  """Returns two stages of Y."""
  return network.Network(
    functools.partial(regnet, (8, 16), (1, 2), True, stem=8, classes=10),
    (32, 32, 3),
    PAPER,
  )
