"""ResNet for ImageNet, 18 to 101 layers deep."""

from collections.abc import Sequence
import functools

from flax import linen
import jax

from effnas import arguments
from effnas.nn import chain, layers, pool, staged
from effnas.nn.blocks import residual
from effnas.zoo import network, pytorch

PAPER = (
  'He et al., 2016, Deep Residual Learning for Image Recognition, '
  'https://arxiv.org/abs/1512.03385'
)
# Blocks of each stage (table 1 of the paper), and whether bottlenecks.
_DEPTHS = {
  18: ((2, 2, 2, 2), False),
  34: ((3, 4, 6, 3), False),
  50: ((3, 4, 6, 3), True),
  101: ((3, 4, 23, 3), True),
}
TORCH = pytorch.by_rules(
  [
    ('stem/conv', 'conv1'),
    ('stem/normalise', 'bn1'),
    ('classifier', 'fc'),
    *(
      rule
      for i in range(4)
      for rule in (
        (rf'stages_{i}/block_(\d+)/conv_(\d)/conv', rf'layer{i + 1}.\1.conv\2'),
        (
          rf'stages_{i}/block_(\d+)/conv_(\d)/normalise',
          rf'layer{i + 1}.\1.bn\2',
        ),
        (
          rf'stages_{i}/block_(\d+)/shortcut/conv',
          rf'layer{i + 1}.\1.downsample.0',
        ),
        (
          rf'stages_{i}/block_(\d+)/shortcut/normalise',
          rf'layer{i + 1}.\1.downsample.1',
        ),
      )
    ),
  ]
)


class ResNet(chain.FieldChain):
  """Convolution, maximum pooling, stages, average pooling, classifier.

  Attributes:
    stages: The stages.
    stem: Channels of the convolution in front.
    stem_kernel: Side of its kernel.
    stem_stride: Its stride.
    pool: Whether the maximum of 3x3 is taken behind it, with stride 2.
    classes: Logits.
    act: Activation of the stem.
    norm: Template of the stem's normalisation.

  Reference:
    He et al., 2016, https://arxiv.org/abs/1512.03385
  """

  chained = 'stages'

  stages: Sequence[linen.Module]
  stem: int = 64
  stem_kernel: arguments.Count = 7
  stem_stride: int = 2
  pool: bool = True
  classes: int = 1000
  act: layers.Activation = jax.nn.relu
  norm: linen.Module = layers.Norm()

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps images [N, H, W, C] to logits [N, classes]."""
    x = layers.ConvNorm(
      self.stem,
      self.stem_kernel,
      self.stem_stride,
      norm=self.norm,
      act=self.act,
      name='stem',
    )(x, train)
    if self.pool:
      x = pool.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
    for stage in self.stages:
      x = stage(x, train)
    return layers.Dense(self.classes, name='classifier')(x.mean((1, 2)))


def resnet(
  depths: arguments.Depths = (2, 2, 2, 2),
  bottleneck: bool = False,
  widths: arguments.Counts = (64, 128, 256, 512),
  classes: arguments.Count = 1000,
  stem_kernel: arguments.Count = 7,
  stem_stride: arguments.Count = 2,
  pool: bool = True,
  epsilon: arguments.Positive = 1e-5,
) -> ResNet:
  """Returns a ResNet, by default that of 18 layers.

  Args:
    depths: Blocks of each stage.
    bottleneck: Whether the blocks are bottlenecks, which give four times the
      stage's width, or pairs of 3x3 convolutions.
    widths: Of each stage; the first is the stem's too.
    classes: Logits.
    stem_kernel: 7 as published; 3 for images of 32x32.
    stem_stride: 2 as published; 1 for images of 32x32.
    pool: Whether the stem pools, as published; not for images of 32x32.
    epsilon: Of the batch normalisations.

  Returns:
    The network; 11,689,512 parameters and 1,814,073,344 MACs at 18 layers,
    25,557,032 and 4,089,184,256 at 50, at 224x224.

  Reference:
    He et al., 2016, https://arxiv.org/abs/1512.03385
  """
  norm = layers.Norm(epsilon=epsilon)
  block: linen.Module = residual.Basic(norm=norm)
  if bottleneck:
    block = residual.Bottleneck(norm=norm)
  return ResNet(
    tuple(
      staged.Stage(width * (4 if bottleneck else 1), 2 if i else 1, n, block)
      for i, (width, n) in enumerate(zip(widths, depths, strict=True))
    ),
    stem=widths[0],
    stem_kernel=stem_kernel,
    stem_stride=stem_stride,
    pool=pool,
    classes=classes,
    norm=norm,
  )


def networks() -> dict[str, network.Network]:
  """Returns the networks of 18, 34, 50 and 101 layers."""
  return {
    f'resnet_{depth}': network.Network(
      functools.partial(resnet, *shape), (224, 224, 3), PAPER, torch=TORCH
    )
    for depth, shape in _DEPTHS.items()
  }


def miniature() -> network.Network:
  """Returns a stage of each kind of block."""
  return network.Network(_miniature, (32, 32, 3), PAPER)


def _miniature(classes: int = 10) -> ResNet:
  return ResNet(
    (
      staged.Stage(8, 1, 1, residual.Basic()),
      staged.Stage(16, 2, 2, residual.Bottleneck()),
    ),
    stem=8,
    classes=classes,
  )
