"""The form of most convolutional networks: a stem, stages of blocks, a head."""

from collections.abc import Sequence
import functools

from flax import linen
import jax

from effnas import errors
from effnas.nn import chain, layers


class Blocks(chain.FieldChain):
  """A stage out of blocks that differ.

  Attributes:
    blocks: The blocks, in order.
  """

  chained = 'blocks'

  blocks: Sequence[linen.Module]

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to what the last block gives."""
    return _apply(self.links(), x, train)


# One object, as many stages are looked at without their blocks.
_NO_BLOCKS = Blocks(())


class Stage(chain.Chain):
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
    return _apply(self.links(), x, train)

  @linen.nowrap
  def links(self) -> tuple[chain.Link, ...]:
    """Returns the blocks."""
    if self.depth < 1:
      raise errors.UserError(f'a stage has 1 block or more, got {self.depth}')
    return _links((self.block,) * self.depth, self.features, self.stride)

  @linen.nowrap
  def relinked(self, links: Sequence[linen.Module]) -> Blocks:
    """Returns a stage out of other blocks."""
    return Blocks(tuple(links)) if links else _NO_BLOCKS


class Elastic(chain.Chain):
  """A stage whose blocks are of one kind and differ in their fields.

  Attributes:
    features: Output channels of each block.
    stride: Of the first block.
    blocks: Templates with the fields `features` and `stride`.
  """

  features: int
  stride: int
  blocks: Sequence[linen.Module]

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H / stride, W / stride, features]."""
    return _apply(self.links(), x, train)

  @linen.nowrap
  def links(self) -> tuple[chain.Link, ...]:
    """Returns the blocks."""
    if not self.blocks:
      raise errors.UserError('a stage has 1 block or more, got none')
    return _links(self.blocks, self.features, self.stride)

  @linen.nowrap
  def relinked(self, links: Sequence[linen.Module]) -> Blocks:
    """Returns a stage out of other blocks."""
    return Blocks(tuple(links)) if links else _NO_BLOCKS


def _links(
  blocks: Sequence[linen.Module], features: int, stride: int
) -> tuple[chain.Link, ...]:
  """Gives each block the channels, and the first one the stride."""
  return tuple(
    chain.Link(block, (('features', features), ('stride', 1 if i else stride)))
    for i, block in enumerate(blocks)
  )


def _apply(links: Sequence[chain.Link], x: jax.Array, train: bool) -> jax.Array:
  for i, link in enumerate(links):
    x = link.module(name=f'block_{i}')(x, train)
  return x


class StagedNet(chain.FieldChain):
  """Stem convolution, stages, head convolution, pooling, classifier.

  Attributes:
    stages: The stages.
    stem: Channels of the 3x3 convolution in front.
    stem_stride: Its stride.
    head: Channels of the 1x1 convolution before pooling; 0 leaves it out.
    classes: Logits.
    dropout: Rate before the classifier, in training.
    act: Activation of stem and head.
    hidden: Channels of a dense layer between pooling and classifier, with the
      same activation (MobileNetV3); 0 leaves it out.
    norm: Template of the normalisations of stem and head.
  """

  chained = 'stages'

  stages: Sequence[linen.Module]
  stem: int = 32
  stem_stride: int = 2
  head: int = 1280
  classes: int = 1000
  dropout: float = 0.0
  act: layers.Activation = jax.nn.relu6
  hidden: int = 0
  norm: linen.Module = layers.Norm()

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps images [N, H, W, C] to logits [N, classes]."""
    conv = functools.partial(layers.ConvNorm, norm=self.norm, act=self.act)
    x = conv(self.stem, kernel=3, stride=self.stem_stride, name='stem')(
      x, train
    )
    for stage in self.stages:
      x = stage(x, train)
    if self.head:
      x = conv(self.head, name='head')(x, train)
    x = x.mean((1, 2))
    if self.hidden:
      x = self.act(layers.Dense(self.hidden, name='widen')(x))
    x = linen.Dropout(self.dropout, deterministic=not train)(x)
    return layers.Dense(self.classes, name='classifier')(x)
