"""ShuffleNetV2, at its published widths."""

import functools

from flax import linen
import jax

from effnas import arguments
from effnas.nn import layers, pool, staged
from effnas.nn.blocks import shuffle
from effnas.zoo import network

PAPER = (
  'Ma et al., 2018, ShuffleNet V2: Practical Guidelines for Efficient CNN '
  'Architecture Design, https://arxiv.org/abs/1807.11164'
)
# Channels of the stages and of the head (table 5 of the paper).
_WIDTHS = {
  '_050': ((48, 96, 192), 1024),
  '': ((116, 232, 464), 1024),
  '_150': ((176, 352, 704), 1024),
  '_200': ((244, 488, 976), 2048),
}


class Pool(linen.Module):
  """The maximum of 3x3, with stride 2.

  Example:
    >>> import jax.numpy as jnp
    >>> Pool().apply({}, jnp.ones((1, 7, 7, 4))).shape
    (1, 4, 4, 4)
  """

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H / 2, W / 2, C], sizes rounded up."""
    del train
    return pool.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))


def shufflenet_v2(
  widths: arguments.Counts = (116, 232, 464),
  head: arguments.Count = 1024,
  depths: arguments.Depths = (4, 8, 4),
  stem: arguments.Count = 24,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  pool: bool = True,
  epsilon: arguments.Positive = 1e-5,
) -> staged.StagedNet:
  """Returns ShuffleNetV2, by default of width 1.

  Args:
    widths: Channels of each stage.
    head: Channels before the last pooling.
    depths: Units of each stage.
    stem: Channels of the first convolution.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    pool: Whether the stem pools, as published; not for images of 32x32.
    epsilon: Of the batch normalisations.

  Returns:
    The network; 2,278,604 parameters and 144,907,992 MACs at width 1, 1,366,792
    and 40,476,448 at width .5, at 224x224.

  Reference:
    Ma et al., 2018, https://arxiv.org/abs/1807.11164
  """
  norm = layers.Norm(epsilon=epsilon)
  stages = tuple(
    staged.Stage(features, 2, depth, shuffle.ShuffleUnit(norm=norm))
    for features, depth in zip(widths, depths, strict=True)
  )
  return staged.StagedNet(
    (Pool(), *stages) if pool else stages,
    stem=stem,
    stem_stride=stem_stride,
    head=head,
    classes=classes,
    act=jax.nn.relu,
    norm=norm,
  )


def networks() -> dict[str, network.Network]:
  """Returns the widths .5, 1, 1.5 and 2."""
  return {
    f'shufflenet_v2{width}': network.Network(
      functools.partial(shufflenet_v2, *shape), (224, 224, 3), PAPER
    )
    for width, shape in _WIDTHS.items()
  }


def miniature() -> network.Network:
  """Returns two stages of two units, the last without a shortcut."""
  return network.Network(
    functools.partial(shufflenet_v2, (16, 32), 32, (2, 1), 8, classes=10),
    (32, 32, 3),
    PAPER,
  )
