"""Softmax attention, each position over all others."""

from flax import linen
import jax
import jax.numpy as jnp

from effnas.nn import heads
from effnas.nn.positions import relative


def softmax_attention(
  q_BxTxHxD: jax.Array,
  k_BxSxGxD: jax.Array,
  v_BxSxGxE: jax.Array,
  bias: jax.Array | None = None,
  mask: jax.Array | None = None,
  *,
  causal: bool = False,
  fused: bool = False,
) -> jax.Array:
  """Scaled dot-product attention, O(T S) in time.

  Without `fused` it is two products and a softmax between them for XLA, which
  keeps all T x S scores in memory on every platform: it fuses the softmax on
  TPU and GPU, but not across the products.

  Args:
    q_BxTxHxD: Queries.
    k_BxSxGxD: Keys; H is a multiple of their heads.
    v_BxSxGxE: Values.
    bias: Added to the scores, broadcast against [B, H, T, S].
    mask: Booleans, false where a query must not see a key; as the bias.
    causal: Whether position t sees positions up to t only.
    fused: Whether cuDNN's fused kernel is to compute what it can: half
      precision, even T and S, D = E a multiple of 8 up to 128, no mask.
      Tracing then asks for the devices.

  Returns:
    [B, T, H, E].

  Reference:
    Vaswani et al., 2017, https://arxiv.org/abs/1706.03762
  """
  if q_BxTxHxD.shape[-1] == v_BxSxGxE.shape[-1]:
    fits = mask is None and _fits(q_BxTxHxD, k_BxSxGxD, v_BxSxGxE)
    return jax.nn.dot_product_attention(
      q_BxTxHxD,
      k_BxSxGxD,
      v_BxSxGxE,
      bias,
      mask,
      is_causal=causal,
      implementation='cudnn' if fused and fits else 'xla',
    )
  k, v = heads.match(q_BxTxHxD.shape[2], k_BxSxGxD, v_BxSxGxE)
  scores_BxHxTxS = jnp.einsum(
    'bthd,bshd->bhts', q_BxTxHxD, k, preferred_element_type=jnp.float32
  )
  scores_BxHxTxS *= q_BxTxHxD.shape[-1] ** -0.5
  if bias is not None:
    scores_BxHxTxS += bias.astype(jnp.float32)
  lowest = jnp.finfo(jnp.float32).min
  if mask is not None:
    scores_BxHxTxS = jnp.where(mask, scores_BxHxTxS, lowest)
  if causal:
    seen = jnp.tri(q_BxTxHxD.shape[1], k.shape[1], dtype=bool)
    scores_BxHxTxS = jnp.where(seen, scores_BxHxTxS, lowest)
  weights = jax.nn.softmax(scores_BxHxTxS).astype(v.dtype)
  return jnp.einsum('bhts,bshe->bthe', weights, v)


def _fits(q, k, v) -> bool:
  """Says whether jax 0.10's call of cuDNN takes these, with their gradients.

  (Its check of lengths is meant for calls with a bias but finds one in each.)
  """
  return (
    q.dtype == k.dtype == v.dtype
    and q.dtype in (jnp.float16, jnp.bfloat16)
    and q.shape[1] % 2 == k.shape[1] % 2 == 0
    and q.shape[3] % 8 == 0
    and q.shape[3] <= 128
  )


class Softmax(linen.Module):
  """Softmax attention as a mixer of `MultiHeadAttention`.

  Attributes:
    causal: Whether a position sees none behind it.
    bias: Template of a module that gives biases of the scores, from
      `effnas.nn.positions`; None adds nothing.
    fused: Whether to use cuDNN's fused kernel where it can; needs an NVIDIA
      GPU, see `effnas.nn.fused`.

  Cost:
    MACs = T**2 * heads * (D + E)

  Reference:
    Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

  Example:
    >>> mixer = Softmax(bias=relative.RelativeBias())
    >>> q = jnp.ones((1, 6, 4, 8))
    >>> variables = mixer.init(jax.random.key(0), q, q, q, (2, 3))
    >>> variables['params']['relative']['table'].shape
    (4, 15)
  """

  causal: bool = False
  bias: linen.Module | None = None
  fused: bool = False

  @linen.compact
  def __call__(
    self, q: jax.Array, k: jax.Array, v: jax.Array, grid: tuple[int, ...]
  ) -> jax.Array:
    """Mixes [B, T, H, D], [B, T, G, D], [B, T, G, E] to [B, T, H, E]."""
    bias = None
    if self.bias is not None:
      bias = self.bias.copy(name='relative')(q.shape[2], grid)
    return softmax_attention(
      q, k, v, bias, causal=self.causal, fused=self.fused
    )


def variants() -> dict[str, linen.Module]:
  """Returns both directions, and biases by offset."""
  return {
    'softmax': Softmax(),
    'causal_softmax': Softmax(causal=True),
    'relative_softmax': Softmax(bias=relative.RelativeBias()),
  }
