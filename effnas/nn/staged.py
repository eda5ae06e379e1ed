"""The form of most convolutional networks: a stem, stages of blocks, a head."""

from collections.abc import Sequence

from flax import linen
import jax

from effnas.nn import layers


class Stage(linen.Module):
  """A number of blocks; the first changes the resolution and the channels.

  Attributes:
    features: Output channels of each block.
    stride: Of the first block.
    depth: Number of blocks.
    block: A template with the fields `features` and `stride`; each block is a
      copy with parameters of its own.
  """

  features: int
  stride: int
  depth: int
  block: linen.Module

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H / stride, W / stride, features]."""
    for i in range(self.depth):
      block = self.block.copy(
        features=self.features,
        stride=self.stride if i == 0 else 1,
        name=f'block_{i}',
      )
      x = block(x, train)
    return x


class StagedNet(linen.Module):
  """Stem convolution, stages, head convolution, pooling, classifier.

  Attributes:
    stages: The stages.
    stem: Channels of the 3x3 convolution in front.
    stem_stride: Its stride.
    head: Channels of the 1x1 convolution before pooling; 0 leaves it out.
    classes: Logits.
    dropout: Rate before the classifier, in training.
    act: Activation of stem and head.
  """

  stages: Sequence[linen.Module]
  stem: int = 32
  stem_stride: int = 2
  head: int = 1280
  classes: int = 1000
  dropout: float = 0.0
  act: layers.Activation = jax.nn.relu6

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps images [N, H, W, C] to logits [N, classes]."""
    x = layers.ConvNorm(
      self.stem, kernel=3, stride=self.stem_stride, act=self.act, name='stem'
    )(x, train)
    for stage in self.stages:
      x = stage(x, train)
    if self.head:
      x = layers.ConvNorm(self.head, act=self.act, name='head')(x, train)
    x = x.mean((1, 2))
    x = linen.Dropout(self.dropout, deterministic=not train)(x)
    return layers.Dense(self.classes, name='classifier')(x)
