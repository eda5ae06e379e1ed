"""EfficientFormer: pooling on maps, and attention in the last blocks."""

from collections.abc import Sequence
import functools

from flax import linen
import jax
import numpy as np

from effnas import arguments
from effnas.nn import chain, layers, staged
from effnas.nn.blocks import efficientformer as block_lib
from effnas.zoo import network

PAPER = (
  'Li et al., 2022, EfficientFormer: Vision Transformers at MobileNet Speed, '
  'https://arxiv.org/abs/2206.01191'
)
# Channels and blocks of the stages, and how many last ones have attention.
_SIZES = {
  'l1': ((48, 96, 224, 448), (3, 2, 6, 4), 1),
  'l3': ((64, 128, 320, 512), (4, 4, 12, 6), 4),
}


class EfficientFormer(chain.FieldChain):
  """Two convolutions, stages, normalisation, pooling, two classifiers.

  One classifier was published to learn from the labels and one from a teacher;
  their mean decides.

  Attributes:
    stages: The stages.
    stem: Channels of the second convolution; the first has half of them.
    stem_stride: Of each of the two.
    classes: Logits.
    bias: Whether the two convolutions have biases.
    norm: Template of their normalisations.
    norm_head: Template of the normalisation before pooling.

  Reference:
    Li et al., 2022, https://arxiv.org/abs/2206.01191

  Example:
    >>> import jax.numpy as jnp
    >>> net = miniature().build(classes=3)
    >>> x = jnp.ones((1, 16, 24, 3))
    >>> jax.eval_shape(net.init_with_output, jax.random.key(0), x)[0].shape
    (1, 3)
  """

  chained = 'stages'

  stages: Sequence[linen.Module]
  stem: int = 48
  stem_stride: int = 2
  classes: int = 1000
  bias: bool = True
  norm: linen.Module = layers.Norm()
  norm_head: linen.Module = layers.Norm('layer')

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps images [N, H, W, C] to logits [N, classes]."""
    for i, features in enumerate((self.stem // 2, self.stem)):
      x = layers.ConvNorm(
        features,
        kernel=3,
        stride=self.stem_stride,
        bias=self.bias,
        norm=self.norm,
        act=jax.nn.relu,
        name=f'stem_{i}',
      )(x, train)
    for stage in self.stages:
      x = stage(x, train)
    x = self.norm_head.copy(name='normalise')(x, train).mean((1, 2))
    first, second = (
      layers.Dense(self.classes, name=name)(x)
      for name in ('classifier', 'classifier_distilled')
    )
    return (first + second) / 2


def efficientformer(
  widths: arguments.Counts = (48, 96, 224, 448),
  depths: arguments.Depths = (3, 2, 6, 4),
  attending: int = 1,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  bias: bool = True,
  drop_path: arguments.Decay = 0.0,
  epsilon: arguments.Positive = 1e-5,
) -> EfficientFormer:
  """Returns an EfficientFormer, by default L1.

  Args:
    widths: Channels of each stage.
    depths: Blocks of each stage.
    attending: Last blocks of the last stage that have attention.
    classes: Logits.
    stem_stride: Of each of the stem's two convolutions; 2 as published, 1 for
      images of 32x32.
    bias: Whether convolutions have biases, as published; the normalisations
      behind them undo them.
    drop_path: Rate of stochastic depth in the last block; the rates rise from
      0 evenly.
    epsilon: Of the batch normalisations.

  Returns:
    The network; 12,289,928 parameters and 1,291,284,736 MACs for L1,
    31,406,000 and 3,906,573,312 for L3, at 224x224.

  Reference:
    Li et al., 2022, https://arxiv.org/abs/2206.01191
  """
  norm = layers.Norm(epsilon=epsilon)
  rates = np.linspace(0, drop_path, sum(depths))
  stages = []
  for i, (features, depth) in enumerate(zip(widths, depths, strict=True)):
    blocks = []
    for j in range(depth):
      attends = i == len(depths) - 1 and depth - j <= attending
      kind = block_lib.Meta3D if attends else block_lib.Meta4D
      blocks.append(
        kind(
          features=features,
          stride=2 if i and j == 0 else 1,
          bias=bias,
          norm=norm,
          drop_path=float(rates[sum(depths[:i]) + j]),
        )
      )
    stages.append(staged.Blocks(tuple(blocks)))
  return EfficientFormer(
    tuple(stages),
    stem=widths[0],
    stem_stride=stem_stride,
    classes=classes,
    bias=bias,
    norm=norm,
  )


def networks() -> dict[str, network.Network]:
  """Returns L1 and L3."""
  return {
    f'efficientformer_{size}': network.Network(
      functools.partial(efficientformer, *shape), (224, 224, 3), PAPER
    )
    for size, shape in _SIZES.items()
  }


def miniature() -> network.Network:
  """Returns a block that pools, then one that pools and one that attends."""
  return network.Network(
    functools.partial(efficientformer, (8, 16), (1, 2), 1, classes=10),
    (16, 16, 3),
    PAPER,
  )
