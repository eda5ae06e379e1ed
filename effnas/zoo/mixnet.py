"""MixNet: MobileNets whose depthwise kernels have several sizes."""

from collections.abc import Sequence
import functools

import jax

from effnas import arguments
from effnas.nn import channels, layers, squeeze_excite, staged
from effnas.nn.blocks import mixconv
from effnas.zoo import network

PAPER = (
  'Tan and Le, 2019, MixConv: Mixed Depthwise Convolutional Kernels, '
  'https://arxiv.org/abs/1907.09595'
)
# (stages, channels of the stem). A stage is rows of: kernels, groups of
# expansion and of projection, expansion, channels, blocks, stride, ratio of
# squeeze-and-excitation. Blocks with it have SiLU, those without ReLU.
Row = tuple[tuple[int, ...], int, int, float, int, int, int, float]
_SMALL: tuple[tuple[Row, ...], ...] = (
  (((3,), 1, 1, 1, 16, 1, 1, 0),),
  (((3,), 2, 2, 6, 24, 1, 2, 0), ((3,), 2, 2, 3, 24, 1, 1, 0)),
  (
    ((3, 5, 7), 1, 1, 6, 40, 1, 2, 0.5),
    ((3, 5), 2, 2, 6, 40, 3, 1, 0.5),
  ),
  (
    ((3, 5, 7), 1, 2, 6, 80, 1, 2, 0.25),
    ((3, 5), 1, 2, 6, 80, 2, 1, 0.25),
  ),
  (
    ((3, 5, 7), 2, 2, 6, 120, 1, 1, 0.5),
    ((3, 5, 7, 9), 2, 2, 3, 120, 2, 1, 0.5),
  ),
  (
    ((3, 5, 7, 9, 11), 1, 1, 6, 200, 1, 2, 0.5),
    ((3, 5, 7, 9), 1, 2, 6, 200, 2, 1, 0.5),
  ),
)
_MEDIUM: tuple[tuple[Row, ...], ...] = (
  (((3,), 1, 1, 1, 24, 1, 1, 0),),
  (((3, 5, 7), 2, 2, 6, 32, 1, 2, 0), ((3,), 2, 2, 3, 32, 1, 1, 0)),
  (
    ((3, 5, 7, 9), 1, 1, 6, 40, 1, 2, 0.5),
    ((3, 5), 2, 2, 6, 40, 3, 1, 0.5),
  ),
  (
    ((3, 5, 7), 1, 1, 6, 80, 1, 2, 0.25),
    ((3, 5, 7, 9), 2, 2, 6, 80, 3, 1, 0.25),
  ),
  (
    ((3,), 1, 1, 6, 120, 1, 1, 0.5),
    ((3, 5, 7, 9), 2, 2, 3, 120, 3, 1, 0.5),
  ),
  (
    ((3, 5, 7, 9), 1, 1, 6, 200, 1, 2, 0.5),
    ((3, 5, 7, 9), 1, 2, 6, 200, 3, 1, 0.5),
  ),
)
_SIZES = {'s': (_SMALL, 16), 'm': (_MEDIUM, 24)}


def mixnet(
  stages: Sequence[Sequence[Row]] = _SMALL,
  stem: arguments.Count = 16,
  width: arguments.Positive = 1.0,
  head: arguments.Count = 1536,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  dropout: arguments.Decay = 0.2,
  epsilon: arguments.Positive = 1e-5,
) -> staged.StagedNet:
  """Returns a MixNet, by default the small one.

  Args:
    stages: Of rows of (kernels, groups of the expansion, groups of the
      projection, expansion, channels, blocks, stride of the first, ratio of
      squeeze-and-excitation); blocks whose ratio is 0 have none, and ReLU
      instead of SiLU.
    stem: Channels of the first convolution.
    width: Multiplies all channels but the head's.
    head: Channels before pooling.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    dropout: Rate before the classifier.
    epsilon: Of the batch normalisations.

  Returns:
    The network; 4,134,606 parameters and 239,173,360 MACs for the small one at
    224x224.

  Reference:
    Tan and Le, 2019, https://arxiv.org/abs/1907.09595
  """
  norm = layers.Norm(epsilon=epsilon)
  return staged.StagedNet(
    tuple(
      staged.Blocks(
        tuple(
          _block(row, row[6] if i == 0 else 1, width, norm)
          for row in rows
          for i in range(row[5])
        )
      )
      for rows in stages
    ),
    stem=channels.divisible(stem * width),
    stem_stride=stem_stride,
    head=head,
    classes=classes,
    dropout=dropout,
    act=jax.nn.relu,
    norm=norm,
  )


def _block(
  row: Row, stride: int, width: float, norm: layers.Norm
) -> mixconv.MixConv:
  kernels, expand_groups, project_groups, expand, features, _, _, ratio = row
  return mixconv.MixConv(
    features=channels.divisible(features * width),
    stride=stride,
    kernels=kernels,
    expand=expand,
    expand_groups=expand_groups,
    project_groups=project_groups,
    se=ratio > 0,
    squeeze=squeeze_excite.SqueezeExcite(
      ratio, act=jax.nn.silu, gate=jax.nn.sigmoid
    ),
    norm=norm,
    act=jax.nn.silu if ratio else jax.nn.relu,
  )


def networks() -> dict[str, network.Network]:
  """Returns the small and the medium network."""
  return {
    f'mixnet_{size}': network.Network(
      functools.partial(mixnet, *shape), (224, 224, 3), PAPER
    )
    for size, shape in _SIZES.items()
  }


def miniature() -> network.Network:
  """Returns a block without expansion, and one with all that there is."""
  stages = (
    (((3,), 1, 1, 1, 8, 1, 1, 0),),
    (((3, 5), 2, 2, 3, 16, 1, 2, 0.5),),
  )
  return network.Network(
    functools.partial(mixnet, stages, 8, head=32, classes=10, dropout=0.0),
    (16, 16, 3),
    PAPER,
  )
