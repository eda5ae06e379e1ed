"""ConvNeXt, from atto to base."""

from collections.abc import Sequence
import functools

from flax import linen
import jax
import numpy as np

from effnas import arguments
from effnas.nn import chain, layers, staged
from effnas.nn.blocks import convnext as block_lib
from effnas.zoo import network, pytorch

PAPER = (
  'Liu et al., 2022, A ConvNet for the 2020s, https://arxiv.org/abs/2201.03545'
)
# Channels of the first stage, doubled by each other one, and blocks. The paper
# has tiny and larger; ConvNeXt V2 and timm brought the smaller ones.
_SIZES = {
  'atto': (40, (2, 2, 6, 2)),
  'femto': (48, (2, 2, 6, 2)),
  'pico': (64, (2, 2, 6, 2)),
  'nano': (80, (2, 2, 8, 2)),
  'tiny': (96, (3, 3, 9, 3)),
  'small': (96, (3, 3, 27, 3)),
  'base': (128, (3, 3, 27, 3)),
}
EPSILON = 1e-6
_BLOCK = r'stages_(\d+)/block_(\d+)'
_TORCH = pytorch.by_rules(
  [
    ('stem', 'stem.0'),
    ('norm_stem', 'stem.1'),
    ('norm_head', 'head.norm'),
    ('classifier', 'head.fc'),
    (rf'{_BLOCK}/norm_down', r'stages.\1.downsample.0'),
    (rf'{_BLOCK}/down', r'stages.\1.downsample.1'),
    (rf'{_BLOCK}/depthwise', r'stages.\1.blocks.\2.conv_dw'),
    (rf'{_BLOCK}/norm', r'stages.\1.blocks.\2.norm'),
    (rf'{_BLOCK}/mlp_in', r'stages.\1.blocks.\2.mlp.fc1'),
    (rf'{_BLOCK}/mlp_out', r'stages.\1.blocks.\2.mlp.fc2'),
    (rf'{_BLOCK}/branch/scale/scale', r'stages.\1.blocks.\2.gamma'),
  ]
)


class ConvNeXtNet(chain.FieldChain):
  """Patches, stages, pooling, normalisation, classifier.

  Attributes:
    stages: The stages.
    stem: Channels of a patch.
    patch: Side of a patch.
    classes: Logits.
    norm: Template of the normalisations behind patches and pooling.

  Reference:
    Liu et al., 2022, https://arxiv.org/abs/2201.03545

  Example:
    >>> import jax.numpy as jnp
    >>> net = miniature().build(classes=3)
    >>> x = jnp.ones((1, 16, 24, 3))
    >>> jax.eval_shape(net.init_with_output, jax.random.key(0), x)[0].shape
    (1, 3)
  """

  chained = 'stages'

  stages: Sequence[linen.Module]
  stem: int = 96
  patch: int = 4
  classes: int = 1000
  norm: linen.Module = layers.Norm('layer', epsilon=EPSILON)

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps images [N, H, W, C] to logits [N, classes]."""
    side = (self.patch, self.patch)
    x = layers.Conv(self.stem, side, side, padding=0, name='stem')(x)
    x = self.norm.copy(name='norm_stem')(x, train)
    for stage in self.stages:
      x = stage(x, train)
    x = self.norm.copy(name='norm_head')(x.mean((1, 2)), train)
    return layers.Dense(self.classes, name='classifier')(x)


def convnext(
  width: arguments.Count = 96,
  depths: arguments.Depths = (3, 3, 9, 3),
  patch: arguments.Count = 4,
  classes: arguments.Count = 1000,
  drop_path: arguments.Decay = 0.0,
) -> ConvNeXtNet:
  """Returns a ConvNeXt, by default the tiny one.

  Args:
    width: Channels of the first stage; each stage has twice those of the one
      before.
    depths: Blocks of each stage.
    patch: Side of the stem's patches; 4 as published, 1 or 2 for images of
      32x32.
    classes: Logits.
    drop_path: Rate of stochastic depth in the last block; the rates rise from
      0 evenly. Published trainings of the tiny network take .1.

  Returns:
    The network; 28,589,128 parameters and 4,455,531,264 MACs for the tiny one
    at 224x224.

  Reference:
    Liu et al., 2022, https://arxiv.org/abs/2201.03545
  """
  rates = np.linspace(0, drop_path, sum(depths))
  ends = np.cumsum(depths)
  return ConvNeXtNet(
    tuple(
      staged.Blocks(
        tuple(
          block_lib.ConvNeXt(
            features=width * 2**i,
            stride=2 if i and j == 0 else 1,
            drop_path=float(rate),
          )
          for j, rate in enumerate(rates[end - depth : end])
        )
      )
      for i, (depth, end) in enumerate(zip(depths, ends, strict=True))
    ),
    stem=width,
    patch=patch,
    classes=classes,
  )


def networks() -> dict[str, network.Network]:
  """Returns the networks from atto to base."""
  return {
    f'convnext_{size}': network.Network(
      functools.partial(convnext, *shape), (224, 224, 3), PAPER, torch=_TORCH
    )
    for size, shape in _SIZES.items()
  }


def miniature() -> network.Network:
  """Returns three blocks in two stages."""
  return network.Network(
    functools.partial(convnext, 8, (1, 2), classes=10), (16, 16, 3), PAPER
  )
