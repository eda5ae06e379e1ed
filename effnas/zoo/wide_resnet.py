"""Wide ResNets for images of 32x32."""

from collections.abc import Sequence
import functools

from flax import linen
import jax

from effnas import arguments, errors
from effnas.nn import chain, layers, staged
from effnas.nn.blocks import residual
from effnas.zoo import network, pytorch

PAPER = (
  'Zagoruyko and Komodakis, 2016, Wide Residual Networks, '
  'https://arxiv.org/abs/1605.07146'
)
# Layers and widening factor.
_SIZES = ((16, 1), (16, 2), (40, 1), (40, 2))
_TORCH = pytorch.by_rules(
  [
    ('stem_conv', 'conv1'),
    ('normalise', 'bn1'),
    ('classifier', 'fc'),
    *(
      rule
      for i in range(3)
      for rule in (
        (
          rf'stages_{i}/block_(\d+)/conv_(\d)',
          rf'block{i + 1}.layer.\1.conv\2',
        ),
        (rf'stages_{i}/block_(\d+)/norm_(\d)', rf'block{i + 1}.layer.\1.bn\2'),
        (
          rf'stages_{i}/block_(\d+)/shortcut',
          rf'block{i + 1}.layer.\1.convShortcut',
        ),
      )
    ),
  ]
)


class WideResNet(chain.FieldChain):
  """3x3 convolution, stages of pre-activation blocks, pooling, classifier.

  Attributes:
    stages: The stages.
    stem: Channels of the convolution in front.
    stem_stride: Its stride.
    classes: Logits.
    act: Activation behind the last normalisation.
    norm: Template of the last normalisation.

  Reference:
    Zagoruyko and Komodakis, 2016, https://arxiv.org/abs/1605.07146
  """

  chained = 'stages'

  stages: Sequence[linen.Module]
  stem: int = 16
  stem_stride: int = 1
  classes: int = 10
  act: layers.Activation = jax.nn.relu
  norm: linen.Module = layers.Norm()

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps images [N, H, W, C] to logits [N, classes]."""
    x = layers.Conv(
      self.stem,
      (3, 3),
      self.stem_stride,
      padding=1,
      use_bias=False,
      name='stem_conv',
    )(x)
    for stage in self.stages:
      x = stage(x, train)
    x = self.act(self.norm.copy(name='normalise')(x, train))
    return layers.Dense(self.classes, name='classifier')(x.mean((1, 2)))


def wide_resnet(
  depth: arguments.Depth = 40,
  widen: arguments.Positive = 2,
  classes: arguments.Count = 10,
  stem_stride: arguments.Count = 1,
  epsilon: arguments.Positive = 1e-5,
) -> WideResNet:
  """Returns a wide ResNet of 6 n + 4 layers.

  Args:
    depth: Weight layers, 6 n + 4.
    widen: Multiplies the channels 16, 32, 64 of the stages.
    classes: Logits.
    stem_stride: 1 as published.
    epsilon: Of the batch normalisations.

  Returns:
    The network; 2,243,546 parameters and 327,599,360 MACs at 40 layers of
    twice the width.

  Raises:
    UserError: The layers are not 6 n + 4.

  Reference:
    Zagoruyko and Komodakis, 2016, https://arxiv.org/abs/1605.07146
  """
  blocks, left = divmod(depth - 4, 6)
  if left or blocks < 1:
    raise errors.UserError(
      f'a wide ResNet has 6 n + 4 layers; got {depth}, take '
      f'{6 * max(1, blocks) + 4}'
    )
  norm = layers.Norm(epsilon=epsilon)
  block = residual.PreActivation(norm=norm)
  return WideResNet(
    tuple(
      staged.Stage(round(base * widen), 2 if i else 1, blocks, block)
      for i, base in enumerate((16, 32, 64))
    ),
    stem_stride=stem_stride,
    classes=classes,
    norm=norm,
  )


def networks() -> dict[str, network.Network]:
  """Returns the sizes that studies of distillation take, with ten classes."""
  return {
    f'wrn_{depth}_{widen}': network.Network(
      functools.partial(wide_resnet, depth, widen),
      (32, 32, 3),
      PAPER,
      torch=_TORCH,
    )
    for depth, widen in _SIZES
  }


def miniature() -> network.Network:
  """Returns ten layers of half the width."""
  return network.Network(
    functools.partial(wide_resnet, 10, 0.5), (16, 16, 3), PAPER
  )
