"""Sliding-window attention: each position over its neighbours."""

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.nn.attention import softmax


def sliding_attention(
  q_BxTxHxD: jax.Array,
  k_BxTxGxD: jax.Array,
  v_BxTxGxE: jax.Array,
  size: int,
  *,
  causal: bool = False,
) -> jax.Array:
  """Softmax attention within a distance, O(T size) in time and memory.

  Blocks of `size` queries see their own block and those beside it, under a
  mask; no score beyond these blocks is computed.

  Args:
    q_BxTxHxD: Queries.
    k_BxTxGxD: Keys; H is a multiple of their heads.
    v_BxTxGxE: Values.
    size: Largest distance that is seen.
    causal: Whether position t sees positions up to t only.

  Returns:
    [B, T, H, E].

  Raises:
    UserError: The size is smaller than 1.
  """
  if size < 1:
    raise errors.UserError(f'size must be at least 1; got {size}')
  length = q_BxTxHxD.shape[1]
  if size >= length:
    return softmax.softmax_attention(
      q_BxTxHxD, k_BxTxGxD, v_BxTxGxE, causal=causal
    )
  count = -(-length // size)
  beside = 1 if causal else 2

  def blocks(x, before=0, after=0):
    after = (count + after) * size - length
    x = jnp.pad(x, ((0, 0), (before * size, after), (0, 0), (0, 0)))
    return x.reshape(x.shape[0], -1, size, *x.shape[2:])

  def with_neighbours(x):
    x = blocks(x, 1, beside - 1)
    parts = [x[:, i : i + count] for i in range(1 + beside)]
    return jnp.concatenate(parts, axis=2)

  # Made of aranges, so that the program holds no constant of T x size.
  start_N = jnp.arange(count) * size
  query_T = jnp.arange(size)
  key_S = jnp.arange((1 + beside) * size) - size
  distance_TxS = query_T[:, None] - key_S
  near_TxS = (distance_TxS <= size) & (distance_TxS >= (0 if causal else -size))

  def attend(q, k, v, start):
    exists_S = (start + key_S >= 0) & (start + key_S < length)
    mask = (near_TxS & exists_S)[None, None]
    return softmax.softmax_attention(q, k, v, mask=mask)

  out = jax.vmap(attend, (1, 1, 1, 0), 1)(
    blocks(q_BxTxHxD),
    with_neighbours(k_BxTxGxD),
    with_neighbours(v_BxTxGxE),
    start_N,
  )
  return out.reshape(out.shape[0], -1, *out.shape[3:])[:, :length]


class Sliding(linen.Module):
  """Softmax attention within a distance, along the order of the positions.

  Of a map, whose positions are in row-major order, the neighbours are those in
  the row; `effnas.nn.attention.window` knows both axes.

  Attributes:
    size: Largest distance that is seen, to both sides.
    causal: Whether a position sees none behind it.

  Cost:
    blocks = -(-T // size)
    pairs = blocks * size * size * (2 if causal else 3)
    MACs = (T**2 if size >= T else pairs) * heads * (D + E)

  Reference:
    Beltagy et al., 2020, Longformer, https://arxiv.org/abs/2004.05150

  Example:
    >>> q = jnp.ones((1, 9, 4, 8))
    >>> Sliding(size=2).apply({}, q, q, q, (9,)).shape
    (1, 9, 4, 8)
  """

  size: int = 64
  causal: bool = False

  @linen.compact
  def __call__(
    self, q: jax.Array, k: jax.Array, v: jax.Array, grid: tuple[int, ...]
  ) -> jax.Array:
    """Mixes [B, T, H, D], [B, T, G, D], [B, T, G, E] to [B, T, H, E]."""
    return sliding_attention(q, k, v, self.size, causal=self.causal)


def variants() -> dict[str, linen.Module]:
  """Returns both directions."""
  return {
    'sliding': Sliding(size=8),
    'causal_sliding': Sliding(size=8, causal=True),
  }
