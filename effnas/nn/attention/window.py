"""Window attention: softmax attention within the tiles of a grid."""

from collections.abc import Sequence
import math

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.nn.attention import softmax
from effnas.nn.positions import relative


def tile(
  x_BxTxHxD: jax.Array,
  grid: Sequence[int],
  window: Sequence[int],
  shift: Sequence[int],
) -> jax.Array:
  """Cuts a grid, padded by zeros behind and rolled back, into windows.

  Args:
    x_BxTxHxD: T positions of the grid in row-major order.
    grid: Its shape.
    window: Shape of a window.
    shift: Positions by which each axis is rolled.

  Returns:
    [B, windows, positions of a window, H, D].

  Example:
    >>> x = jnp.arange(6).reshape(1, 6, 1, 1)
    >>> tile(x, (6,), (2,), (1,))[0, ..., 0, 0].tolist()
    [[1, 2], [3, 4], [5, 0]]
  """
  batch, *_, heads, channels = x_BxTxHxD.shape
  rank = len(grid)
  x = x_BxTxHxD.reshape(batch, *grid, heads, channels)
  padding = [(0, -n % w) for n, w in zip(grid, window, strict=True)]
  x = jnp.pad(x, [(0, 0), *padding, (0, 0), (0, 0)])
  x = jnp.roll(x, [-s for s in shift], range(1, rank + 1))
  split = [
    length
    for n, w in zip(x.shape[1 : rank + 1], window, strict=True)
    for length in (n // w, w)
  ]
  x = x.reshape(batch, *split, heads, channels)
  outer, inner = range(1, 2 * rank, 2), range(2, 2 * rank + 1, 2)
  x = x.transpose(0, *outer, *inner, 2 * rank + 1, 2 * rank + 2)
  return x.reshape(batch, -1, math.prod(window), heads, channels)


def untile(
  x_BxNxWxHxD: jax.Array,
  grid: Sequence[int],
  window: Sequence[int],
  shift: Sequence[int],
) -> jax.Array:
  """Inverts `tile`.

  Args:
    x_BxNxWxHxD: What `tile` returns.
    grid: As there.
    window: As there.
    shift: As there.

  Returns:
    [B, T, H, D].
  """
  batch, *_, heads, channels = x_BxNxWxHxD.shape
  rank = len(grid)
  counts = [-(-n // w) for n, w in zip(grid, window, strict=True)]
  x = x_BxNxWxHxD.reshape(batch, *counts, *window, heads, channels)
  pairs = [axis for i in range(rank) for axis in (1 + i, 1 + rank + i)]
  x = x.transpose(0, *pairs, 2 * rank + 1, 2 * rank + 2)
  padded = [n * w for n, w in zip(counts, window, strict=True)]
  x = x.reshape(batch, *padded, heads, channels)
  x = jnp.roll(x, shift, range(1, rank + 1))
  x = x[:, *(slice(n) for n in grid)]
  return x.reshape(batch, -1, heads, channels)


class Window(linen.Module):
  """Swin's attention: within windows, which every other block shifts by half.

  A shifted grid is rolled, and the parts that meet at its seam do not see each
  other. An axis not longer than the window is one window and is not shifted;
  where windows do not divide an axis, the padding behind it is not seen.

  Attributes:
    size: Side of a window.
    shift: Whether windows are shifted by half their size.
    bias: Template of a module that gives biases of the scores within a window;
      None adds nothing.

  Cost:
    w = [min(size, n) for n in grid]
    padded = math.prod(-(-n // s) * s for n, s in zip(grid, w))
    MACs = padded * math.prod(w) * heads * (D + E)

  Reference:
    Liu et al., 2021, Swin, https://arxiv.org/abs/2103.14030

  Example:
    >>> q, mixer = jnp.ones((1, 48, 4, 8)), Window(size=4, shift=True)
    >>> variables = mixer.init(jax.random.key(0), q, q, q, (6, 8))
    >>> variables['params']['relative']['table'].shape
    (4, 49)
  """

  size: int = 7
  shift: bool = False
  bias: linen.Module | None = relative.RelativeBias()

  @linen.compact
  def __call__(
    self, q: jax.Array, k: jax.Array, v: jax.Array, grid: tuple[int, ...]
  ) -> jax.Array:
    """Mixes [B, T, H, D], [B, T, G, D], [B, T, G, E] to [B, T, H, E].

    Raises:
      UserError: The size is smaller than 1.
    """
    if self.size < 1:
      raise errors.UserError(f'size must be at least 1; got {self.size}')
    window = tuple(min(self.size, n) for n in grid)
    shift = tuple(
      w // 2 if self.shift and w < n else 0
      for n, w in zip(grid, window, strict=True)
    )
    bias = None
    if self.bias is not None:
      bias = self.bias.copy(name='relative')(q.shape[2], window)
    mask = _mask(grid, window, shift)
    q, k, v = (tile(x, grid, window, shift) for x in (q, k, v))
    out = jax.vmap(
      lambda q, k, v, mask: softmax.softmax_attention(q, k, v, bias, mask),
      (1, 1, 1, None if mask is None else 0),
      1,
    )(q, k, v, mask)
    return untile(out, grid, window, shift)


def _mask(grid, window, shift) -> np.ndarray | None:
  """Returns [windows, 1, 1, W, W], true where a query may see a key."""
  if not any(shift) and not any(
    n % w for n, w in zip(grid, window, strict=True)
  ):
    return None
  # Positions see those of their own part: the seam parts an axis in two. What
  # is padding has a part of its own.
  part: np.ndarray = np.zeros((), int)
  exists: np.ndarray = np.ones((), bool)
  for n, w, s in zip(grid, window, shift, strict=True):
    rolled = (np.arange(-(-n // w) * w) + s) % (-(-n // w) * w)
    wrapped = (rolled < s).reshape(-1, w)
    part = part[..., None, None] * 2 + wrapped
    exists = exists[..., None, None] & (rolled < n).reshape(-1, w)
  rank = len(grid)
  order = [*range(0, 2 * rank, 2), *range(1, 2 * rank, 2)]
  part = np.where(exists, part, -1).transpose(order)
  part = part.reshape(-1, math.prod(window))
  return (part[:, :, None] == part[:, None, :])[:, None, None]


def variants() -> dict[str, linen.Module]:
  """Returns windows of Swin, straight and shifted."""
  return {
    'window': Window(size=4),
    'shifted_window': Window(size=4, shift=True),
  }
