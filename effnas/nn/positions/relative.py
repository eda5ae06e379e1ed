"""Biases of attention scores by relative offset."""

from collections.abc import Sequence

from flax import linen
import jax
import numpy as np


class RelativeBias(linen.Module):
  """A learned bias for each head and each offset between two positions.

  The table has an entry for each offset that occurs on the grid, so that its
  size follows the grid unless `reach` bounds it.

  Attributes:
    reach: Offsets are clipped at +-reach along each axis; 0 is the grid's own
      extent, which clips nothing.
    symmetric: Whether only the distance along each axis counts, as in LeViT
      and EfficientFormer, and not its sign.

  Reference:
    Shaw et al., 2018 (clipping), https://arxiv.org/abs/1803.02155; Liu et al.,
    2021, Swin, https://arxiv.org/abs/2103.14030; Graham et al., 2021, LeViT
    (symmetric), https://arxiv.org/abs/2104.01136

  Example:
    >>> bias = RelativeBias(symmetric=True)
    >>> variables = bias.init(jax.random.key(0), 8, (7, 7))
    >>> variables['params']['table'].shape
    (8, 49)
    >>> bias.apply(variables, 8, (7, 7)).shape
    (1, 8, 49, 49)
  """

  reach: int = 0
  symmetric: bool = False

  @linen.compact
  def __call__(self, heads: int, grid: Sequence[int]) -> jax.Array:
    """Returns biases of scores.

    Args:
      heads: H.
      grid: Shape of the grid, T positions in row-major order.

    Returns:
      [1, H, T, T], of query t (third axis) for key s (fourth).
    """
    # Along an axis, offsets are numbered from 0, and so are pairs of numbers.
    index_TxT, entries = np.zeros((1, 1), np.int32), 1
    for extent in grid:
      reach = self.reach or extent - 1
      position = np.arange(extent, dtype=np.int32)
      offset = (position[:, None] - position).clip(-reach, reach)
      offset = np.abs(offset) if self.symmetric else offset + reach
      kinds = reach + 1 if self.symmetric else 2 * reach + 1
      pairs = index_TxT[:, None, :, None] * kinds + offset[:, None, :]
      index_TxT = pairs.reshape(len(index_TxT) * extent, -1)
      entries *= kinds
    table = self.param(
      'table', linen.initializers.normal(0.02), (heads, entries)
    )
    return table[None, :, index_TxT]
