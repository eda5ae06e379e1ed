"""Softmax attention, each position over all others."""

from flax import linen
import jax


def softmax_attention(
  q_BxTxHxD: jax.Array,
  k_BxSxGxD: jax.Array,
  v_BxSxGxD: jax.Array,
  bias: jax.Array | None = None,
  *,
  causal: bool = False,
) -> jax.Array:
  """Scaled dot-product attention, O(T S) in time.

  Args:
    q_BxTxHxD: Queries.
    k_BxSxGxD: Keys; H is a multiple of their heads.
    v_BxSxGxD: Values.
    bias: Added to the scores, broadcast against [B, H, T, S].
    causal: Whether position t sees positions up to t only.

  Returns:
    [B, T, H, D].

  Reference:
    Vaswani et al., 2017, https://arxiv.org/abs/1706.03762
  """
  return jax.nn.dot_product_attention(
    q_BxTxHxD, k_BxSxGxD, v_BxSxGxD, bias, is_causal=causal
  )


class Softmax(linen.Module):
  """Softmax attention as a mixer of `MultiHeadAttention`.

  Attributes:
    causal: Whether a position sees none behind it.

  Cost:
    MACs = T**2 * heads * (D + E)

  Reference:
    Vaswani et al., 2017, https://arxiv.org/abs/1706.03762
  """

  causal: bool = False

  @linen.compact
  def __call__(
    self, q: jax.Array, k: jax.Array, v: jax.Array, grid: tuple[int, ...]
  ) -> jax.Array:
    """Mixes values: [B, T, H, D], 2 x [B, T, G, D] -> [B, T, H, D]."""
    return softmax_attention(q, k, v, causal=self.causal)


def variants() -> dict[str, linen.Module]:
  """Returns both directions."""
  return {'softmax': Softmax(), 'causal_softmax': Softmax(causal=True)}
