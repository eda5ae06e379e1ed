"""MobileNetV3, large and small, and the space around it."""

from collections.abc import Callable, Sequence
import functools
from typing import Any

import jax

from effnas import arguments, errors
from effnas import space as sp
from effnas.nn import channels, layers, squeeze_excite, staged
from effnas.nn.blocks import mbconv
from effnas.zoo import network, pytorch, widths

PAPER = (
  'Howard et al., 2019, Searching for MobileNetV3, '
  'https://arxiv.org/abs/1905.02244'
)
INPUT = network.Input((224, 224, 3))
# A stage: kernel, channels, stride, squeeze-and-excitation, whether with hard
# swish, and the expansion of each block.
Row = tuple[int, int, int, bool, bool, tuple[float, ...]]
# Tables 1 and 2 of the paper, hidden channels over those that enter.
_LARGE: tuple[Row, ...] = (
  (3, 16, 1, False, False, (1,)),
  (3, 24, 2, False, False, (4, 3)),
  (5, 40, 2, True, False, (3, 3, 3)),
  (3, 80, 2, False, True, (6, 2.5, 2.3, 2.3)),
  (3, 112, 1, True, True, (6, 6)),
  (5, 160, 2, True, True, (6, 6, 6)),
)
_SMALL: tuple[Row, ...] = (
  (3, 16, 2, True, False, (1,)),
  (3, 24, 2, False, False, (4.5, 88 / 24)),
  (5, 40, 2, True, True, (4, 6, 6)),
  (5, 48, 1, True, True, (3, 3)),
  (5, 96, 2, True, True, (6, 6, 6)),
)
# Stages, channels of the 1x1 convolution behind them and of the dense layer
# behind the pooling.
_SIZES = {'large': (_LARGE, 960, 1280), 'small': (_SMALL, 576, 1024)}


def mobilenet_v3(
  size: str = 'large',
  width: arguments.Positive = 1.0,
  minimalistic: bool = False,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  dropout: arguments.Decay = 0.2,
  epsilon: arguments.Positive = 1e-5,
  rows: Sequence[Row] = (),
) -> staged.StagedNet:
  """Returns MobileNetV3, by default large.

  Args:
    size: 'large' or 'small'.
    width: Multiplies all channels but those of the dense layer; those of the
      stem from .75 on only.
    minimalistic: Whether to do without kernels above 3x3, hard swish, and
      squeeze-and-excitation.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    dropout: Rate before the classifier.
    epsilon: Of the batch normalisations; 1e-3 in the published code.
    rows: Stages in place of the published ones: kernel, channels, stride,
      squeeze-and-excitation, whether with hard swish, and a tuple with the
      expansion of each block.

  Returns:
    The network; 5,483,032 parameters and 216,589,760 MACs for the large one at
    width 1 and 224x224.

  Raises:
    UserError: The size is neither.

  Reference:
    Howard et al., 2019, https://arxiv.org/abs/1905.02244
  """
  norm = layers.Norm(epsilon=epsilon)
  stages = []
  entering = _stem(width)
  for row in rows or _published(size)[0]:
    kernel, features, stride, se, swish, expansions = row
    features = _features(features, width)
    block = _block(swish and not minimalistic, norm).copy(
      kernel=min(kernel, 3) if minimalistic else kernel,
      se=se and not minimalistic,
    )
    blocks = []
    for expansion in expansions:
      blocks.append(block.copy(expand=_expand(expansion, entering)))
      entering = features
    stages.append(staged.Elastic(features, stride, tuple(blocks)))
  return _net(
    stages,
    size,
    width,
    act=jax.nn.relu if minimalistic else jax.nn.hard_swish,
    norm=norm,
    classes=classes,
    stem_stride=stem_stride,
    dropout=dropout,
  )


def _published(size: str) -> tuple[tuple[Row, ...], int, int]:
  if size not in _SIZES:
    raise errors.unknown('size of MobileNetV3', size, _SIZES)
  return _SIZES[size]


def _stem(width: float) -> int:
  return 16 if width < 0.75 else channels.divisible(16 * width)


def _features(features: int, width: float) -> int:
  return channels.divisible(features * width)


def _expand(expansion: float, entering: int) -> float:
  """Returns the expansion with which hidden channels are a multiple of 8."""
  if expansion == int(expansion):
    return int(expansion)
  return channels.divisible(expansion * entering) / entering


def _expand_at(
  expansion: float, entering: Callable[[float], int], width: float
) -> float:
  return _expand(expansion, entering(width))


def _expansions(
  by: widths.Scaled,
  published: Sequence[float],
  entering: Callable[[float], int],
  leaving: Callable[[float], int],
) -> Any:
  """Returns the choice of an expansion, under its value in the paper.

  Args:
    by: Of the widths.
    published: The expansion of each block of a stage.
    entering: Width -> channels before the first block.
    leaving: Width -> channels before the others.
  """
  options: dict[float, Any] = {3: 3, 4: 4, 6: 6}
  for expansion, before in zip(
    published, [entering] + [leaving] * (len(published) - 1), strict=True
  ):
    fitting = functools.partial(_expand_at, expansion, before)
    options.setdefault(expansion, by(fitting))
  values = sorted(options)
  return sp.oneof(*(options[value] for value in values), labels=values)


def _block(swish: bool, norm: layers.Norm) -> mbconv.MBConv:
  return mbconv.MBConv(
    squeeze=squeeze_excite.SqueezeExcite(of='hidden'),
    norm=norm,
    act=jax.nn.hard_swish if swish else jax.nn.relu,
  )


def _net(
  stages: Sequence[Any],
  size: str,
  width: float | Sequence[float],
  **fields: Any,
) -> staged.StagedNet:
  _, head, hidden = _published(size)
  by = widths.scaled(width)
  return staged.StagedNet(
    stages=tuple(stages),
    stem=by(_stem),
    head=widths.features(by, head),
    hidden=hidden,
    **fields,
  )


def networks() -> dict[str, network.Network]:
  """Returns large and small at widths 1 and .75, and their minimalistic forms.

  The weights of the minimalistic forms were published for padding at the right
  and below only, at strides of 2; here it is symmetric, of the same sizes.
  """
  variants: dict[str, dict[str, Any]] = {
    '': {},
    '_075': {'width': 0.75},
    '_minimalistic': {'minimalistic': True},
  }
  return {
    f'mobilenet_v3_{size}{suffix}': network.Network(
      functools.partial(mobilenet_v3, size, **arguments),
      INPUT.shape,
      PAPER,
      torch=pytorch.mobile,
    )
    for size in _SIZES
    for suffix, arguments in variants.items()
  }


def miniature() -> network.Network:
  """Returns three narrow stages, for tests."""
  rows: tuple[Row, ...] = (
    (3, 16, 1, False, False, (1,)),
    (3, 24, 2, True, False, (3,)),
    (5, 32, 2, True, True, (2.5, 2.3)),
  )
  return network.Network(
    functools.partial(
      mobilenet_v3, 'small', 0.25, classes=10, stem_stride=1, rows=rows
    ),
    (32, 32, 3),
    PAPER,
  )


def space(
  size: str = 'large',
  width: arguments.Positive | arguments.Positives = (0.75, 1.0),
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  dropout: arguments.Decay = 0.2,
  epsilon: arguments.Positive = 1e-5,
) -> sp.Space:
  """Returns the space around MobileNetV3.

  Each block chooses kernel, expansion and squeeze-and-excitation, each stage
  but the first its depth, the network its width. Strides and activations are
  as published. Where an expansion does not give a multiple of 8 channels, it
  stands for the nearest that does at the width, as in the published networks.

  Args:
    size: 'large' or 'small'.
    width: Multiplies the channels as in `mobilenet_v3`; of several one is
      chosen, as 'width'.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    dropout: Rate before the classifier.
    epsilon: Of the batch normalisations.

  Returns:
    A space of which the published networks are points, but the minimalistic.

  Raises:
    UserError: The size is neither, or a width is not above 0.
  """
  by = widths.scaled(width)
  norm = layers.Norm(epsilon=epsilon)
  stages = []
  blocks: Any  # choices stand where blocks do
  entering = _stem
  for row in _published(size)[0]:
    _, features, stride, _, swish, expansions = row
    leaving = functools.partial(_features, features)
    first = expansions == (1,)
    depth = len(expansions)
    block = _block(swish, norm).copy(
      kernel=sp.oneof(3, 5, 7),
      expand=1 if first else _expansions(by, expansions, entering, leaving),
      se=sp.oneof(False, True),
    )
    times = 1 if first else sp.oneof(*range(max(1, depth - 1), depth + 2))
    blocks = sp.repeat(block, times)
    stages.append(staged.Elastic(by(leaving), stride, blocks))
    entering = leaving
  net = _net(
    stages,
    size,
    width,
    act=jax.nn.hard_swish,
    norm=norm,
    classes=classes,
    stem_stride=stem_stride,
    dropout=dropout,
  )
  return sp.Space({'model': net})
