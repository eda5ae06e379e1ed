"""The MobileNetV3 space of Once-for-All."""

from collections.abc import Sequence
import functools
from typing import Any

from flax import linen
import jax

from effnas import arguments, errors
from effnas import space as sp
from effnas.nn import layers, squeeze_excite, staged
from effnas.nn.blocks import mbconv
from effnas.zoo import network, widths

PAPER = (
  'Cai et al., 2020, Once-for-All: Train One Network and Specialize It for '
  'Efficient Deployment, https://arxiv.org/abs/1908.09791'
)
INPUT = network.Input((224, 224, 3))
# Channels, stride, activation and gate of each elastic stage.
_STAGES = (
  (24, 2, jax.nn.relu, False),
  (40, 2, jax.nn.relu, True),
  (80, 2, jax.nn.hard_swish, False),
  (112, 1, jax.nn.hard_swish, True),
  (160, 2, jax.nn.hard_swish, True),
)
_KERNELS, _EXPANSIONS, _DEPTHS = (3, 5, 7), (3, 4, 6), (2, 3, 4)
_WIDTHS = (1.0, 1.2)

# Kernel and expansion of each block of each stage.
Stages = Sequence[Sequence[tuple[int, int]]]


class Mix(linen.Module):
  """What stands behind the stages: 1x1, pooling, 1x1 without normalisation.

  Attributes:
    expand: Channels of the first convolution.
    features: Of the second, which has no bias.
    norm: Template of the first one's normalisation.
  """

  expand: int
  features: int
  norm: linen.Module = layers.Norm()

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, 1, 1, features]."""
    act = jax.nn.hard_swish
    x = layers.ConvNorm(self.expand, norm=self.norm, act=act, name='expand')(
      x, train
    )
    x = x.mean((1, 2), keepdims=True)
    return act(
      layers.Conv(self.features, (1, 1), use_bias=False, name='mix')(x)
    )


def once_for_all(
  stages: Stages = (((7, 6),) * 4,) * 5,
  width: arguments.Positive = 1.0,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  dropout: arguments.Decay = 0.1,
  epsilon: arguments.Positive = 1e-5,
) -> staged.StagedNet:
  """Returns a sub-network of the MobileNetV3 super-network.

  Args:
    stages: Kernel and expansion of each block, for each of the five stages.
    width: Multiplies all channels; 1.0 and 1.2 were trained.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    dropout: Rate before the classifier.
    epsilon: Of the batch normalisations.

  Returns:
    The network; 7,664,760 parameters and 566,170,656 MACs at the default, the
    largest one of width 1.0, and 224x224.

  Raises:
    UserError: There are not five stages.

  Reference:
    Cai et al., 2020, https://arxiv.org/abs/1908.09791
  """
  if len(stages) != len(_STAGES):
    raise errors.UserError(
      f'Once-for-All has five stages of blocks; got {len(stages)}'
    )
  norm = layers.Norm(epsilon=epsilon)
  return _net(
    [
      tuple(_block(i, norm, kernel, expand) for kernel, expand in stage)
      for i, stage in enumerate(stages)
    ],
    width,
    norm,
    classes=classes,
    stem_stride=stem_stride,
    dropout=dropout,
  )


def _block(
  i: int, norm: linen.Module, kernel: Any, expand: Any
) -> mbconv.MBConv:
  _, _, act, se = _STAGES[i]
  return mbconv.MBConv(
    kernel=kernel,
    expand=expand,
    se=se,
    squeeze=squeeze_excite.SqueezeExcite(of='hidden'),
    norm=norm,
    act=act,
  )


def _net(
  blocks: Sequence[Any],
  width: float | Sequence[float],
  norm: linen.Module,
  **fields: Any,
) -> staged.StagedNet:
  by = functools.partial(widths.features, widths.scaled(width))
  first = by(16)
  fixed = mbconv.MBConv(first, expand=1, norm=norm, act=jax.nn.relu)
  elastic = [
    staged.Elastic(by(features), stride, blocks[i])
    for i, (features, stride, _, _) in enumerate(_STAGES)
  ]
  mix = Mix(by(960), by(1280), norm)
  return staged.StagedNet(
    stages=(staged.Blocks((fixed,)), *elastic, mix),
    stem=first,
    head=0,
    act=jax.nn.hard_swish,
    norm=norm,
    **fields,
  )


def networks() -> dict[str, network.Network]:
  """Returns the largest and the smallest sub-network of both widths."""
  extremes = {
    'largest': (((7, 6),) * 4,) * 5,
    'smallest': (((3, 3),) * 2,) * 5,
  }
  return {
    f'once_for_all_{round(100 * width):03}_{name}': network.Network(
      functools.partial(once_for_all, stages, width), INPUT.shape, PAPER
    )
    for width in _WIDTHS
    for name, stages in extremes.items()
  }


def miniature() -> network.Network:
  """Returns a narrow network, for tests."""
  stages = (((3, 3), (5, 4)), ((7, 3),), ((3, 6),), ((5, 3),), ((3, 3),))
  return network.Network(
    functools.partial(
      once_for_all, stages, width=0.1, classes=10, stem_stride=1
    ),
    (32, 32, 3),
    PAPER,
  )


def space(
  width: arguments.Positive | arguments.Positives = _WIDTHS,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  dropout: arguments.Decay = 0.1,
  epsilon: arguments.Positive = 1e-5,
) -> sp.Space:
  """Returns the sub-networks of the two super-networks.

  Their choices are the width of the network, the depth of each stage, and
  kernel and expansion of each block.

  Args:
    width: Multiplies all channels; of several one is chosen, as 'width'. 1.0
      and 1.2 were trained.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    dropout: Rate before the classifier.
    epsilon: Of the batch normalisations.

  Returns:
    A space of (9**2 + 9**3 + 9**4)**5 networks for each width, about 2e19.

  Raises:
    UserError: A width is not above 0.
  """
  norm = layers.Norm(epsilon=epsilon)
  blocks = [
    sp.repeat(
      _block(i, norm, sp.oneof(*_KERNELS), sp.oneof(*_EXPANSIONS)),
      sp.oneof(*_DEPTHS),
    )
    for i in range(len(_STAGES))
  ]
  net = _net(
    blocks,
    width,
    norm,
    classes=classes,
    stem_stride=stem_stride,
    dropout=dropout,
  )
  return sp.Space({'model': net})
