"""A family of networks whose stages convolve or attend, for any image size."""

import math
from typing import Any

import jax

from effnas import arguments, errors
from effnas import space as sp
from effnas.nn import multi_head, staged
from effnas.nn.attention import linear, softmax
from effnas.nn.blocks import mbconv, transformer
from effnas.zoo import network

INPUT = network.Input((32, 32, 3))
# Above so many positions, softmax attention's T^2 is not offered.
_SOFTMAX_POSITIONS = 1024


def strides(size: int, stages: int) -> tuple[int, tuple[int, ...]]:
  """Spreads the halvings of an image over stem and stages.

  Args:
    size: The shorter side of the image.
    stages: Number of stages.

  Returns:
    The stem's stride and each stage's; the last map is 4 to 7 wide where the
    stages suffice.

  Example:
    >>> strides(8, 3), strides(32, 4), strides(224, 4)
    ((1, (1, 2, 1)), (1, (1, 2, 2, 2)), (2, (2, 2, 2, 2)))
  """
  halvings = min(int(math.log2(max(1, size / 4))), stages + 1)
  stem = 2 if halvings >= stages else 1
  halvings -= stem - 1
  first = 0 if halvings == stages else 1
  return stem, tuple(
    2 if first <= i < first + halvings else 1 for i in range(stages)
  )


def space(
  input_shape: arguments.Shape = (32, 32, 3),
  classes: arguments.Count = 10,
  widths: arguments.Counts | None = None,
  depths: arguments.Depths = (1, 2, 3),
  kernels: arguments.Counts = (3, 5),
  expansions: arguments.Positives = (2, 4, 6),
  weights: arguments.Counts = (4, 8),
  lr: tuple[arguments.Positive, arguments.Positive] = (1e-3, 1e-2),
) -> sp.Space:
  """Returns the joint space of architecture, bits and learning rate.

  Each stage chooses its depth, its width, and whether its blocks convolve
  (MBConv: kernel, expansion, squeeze-excite) or attend (linear, or softmax
  where the map is small; heads and perceptron).

  Args:
    input_shape: (H, W, C) of one image, from 8x8x1 to 224x224x3.
    classes: Logits.
    widths: Middle width of each stage; None takes 16, 32, 64 and, from 32
      pixels on, 128. Three quarters and one and a half of it are offered too.
    depths: Blocks per stage.
    kernels: Sides of depthwise kernels.
    expansions: Hidden channels of MBConv over its input's.
    weights: Bits of the weights; activations have 8.
    lr: Least and greatest learning rate.

  Returns:
    A space with the sections 'model', 'quant' and 'optim'.

  Raises:
    UserError: The input is no image of at least 8x8.

  Example:
    >>> space((8, 8, 1)).size
    inf
  """
  if len(input_shape) != 3 or min(input_shape[:2]) < 8:
    raise errors.UserError(
      f'the hybrid space takes images (H, W, C) of at least 8x8; '
      f'got {tuple(input_shape)}'
    )
  size = min(input_shape[:2])
  if widths is None:
    widths = (16, 32, 64) if size < 32 else (16, 32, 64, 128)
  stem_stride, stage_strides = strides(size, len(widths))
  size = math.ceil(size / stem_stride)
  stages = []
  for width, stride in zip(widths, stage_strides, strict=True):
    size = math.ceil(size / stride)
    convolve = mbconv.MBConv(
      kernel=sp.oneof(*kernels),
      expand=sp.oneof(*expansions),
      se=sp.oneof(False, True),
      act=jax.nn.relu,
    )
    mixer: Any = linear.Linear()
    if size * size <= _SOFTMAX_POSITIONS:
      mixer = sp.oneof(softmax.Softmax(), linear.Linear())
    attend = transformer.TransformerBlock(
      attention=multi_head.MultiHeadAttention(mixer, heads=sp.oneof(2, 4)),
      mlp=sp.oneof(1, 2),
    )
    options = sorted({_eighths(f * width) for f in (0.75, 1, 1.5)})
    stages.append(
      staged.Stage(
        features=sp.oneof(*options),
        stride=stride,
        depth=sp.oneof(*depths),
        block=sp.oneof(convolve, attend),
      )
    )
  model = staged.StagedNet(
    stages=tuple(stages),
    stem=widths[0],
    stem_stride=stem_stride,
    head=0,
    classes=classes,
    act=jax.nn.relu,
  )
  return sp.Space(
    {
      'model': model,
      'quant': {'weights': sp.oneof(*weights)},
      'optim': {'lr': sp.loguniform(*lr)},
    }
  )


def _eighths(width: float) -> int:
  return max(8, round(width / 8) * 8)
