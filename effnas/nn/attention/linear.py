"""Linear attention: products of features in place of the softmax."""

import functools

from flax import linen
import jax
from jax import lax
import jax.numpy as jnp

from effnas import errors

# Smaller weights count as nothing: their square has to be a float32 still.
_TINY = 1e-18


def kernel_attention(
  q_BxTxHxM: jax.Array,
  k_BxTxGxM: jax.Array,
  v_BxTxGxE: jax.Array,
  *,
  causal: bool = False,
  chunk: int = 64,
) -> jax.Array:
  """Attention with weights proportional to sum_m exp(q_tm + k_sm).

  O(T) in time and memory. Features come as logarithms, so that the scales that
  keep sums in range cancel exactly; sums are in float32.

  Args:
    q_BxTxHxM: Logarithms of the queries' features.
    k_BxTxGxM: Logarithms of the keys' features; H is a multiple of G.
    v_BxTxGxE: Values.
    causal: Whether position t sees positions up to t only.
    chunk: Positions that a step of the causal form takes at once.

  Returns:
    [B, T, H, E]: for each query a convex combination of the values.

  Raises:
    UserError: The chunk is smaller than 1.
  """
  batch, length, heads, features = q_BxTxHxM.shape
  groups = k_BxTxGxM.shape[2]
  q = q_BxTxHxM.astype(jnp.float32)
  q = jnp.exp(q - lax.stop_gradient(q.max(-1, keepdims=True)))
  q_BxTxGxRxM = q.reshape(batch, length, groups, heads // groups, features)
  k, v = k_BxTxGxM.astype(jnp.float32), v_BxTxGxE.astype(jnp.float32)
  if causal:
    out, weight = _causal(q_BxTxGxRxM, k, v, chunk)
  else:
    k = jnp.exp(k - lax.stop_gradient(k.max((1, 3), keepdims=True)))
    sums_BxGxMxE = jnp.einsum('bsgm,bsge->bgme', k, v)
    out = jnp.einsum('btgrm,bgme->btgre', q_BxTxGxRxM, sums_BxGxMxE)
    weight = jnp.einsum('btgrm,bgm->btgr', q_BxTxGxRxM, k.sum(1))
  out = out / jnp.maximum(weight, _TINY)[..., None]
  return out.reshape(batch, length, heads, -1).astype(v_BxTxGxE.dtype)


def _causal(q_BxTxGxRxM, k_BxTxGxM, v_BxTxGxE, chunk):
  """Sums over s <= t: within a chunk as a matrix, before it as a state.

  Both are scaled by the largest feature up to t, and not by a later one.
  """
  if chunk < 1:
    raise errors.UserError(f'chunk must be at least 1; got {chunk}')
  batch, length, groups, features = k_BxTxGxM.shape
  chunk = min(chunk, length)
  scale_BxTxG = lax.stop_gradient(k_BxTxGxM.max(-1))
  k = jnp.exp(k_BxTxGxM - scale_BxTxG[..., None])
  top_BxTxG = lax.cummax(scale_BxTxG, axis=1)
  seen_TxS = jnp.tri(chunk, dtype=bool)

  def chunks(x):  # [B, T, G, ...] -> [T / chunk, B, G, ..., chunk]
    padding = [(0, 0), (0, -length % chunk)] + [(0, 0)] * (x.ndim - 2)
    x = jnp.pad(x, padding, mode='edge')  # Keeps scales in order.
    x = x.reshape(batch, -1, chunk, *x.shape[2:])
    return jnp.moveaxis(x, (1, 2), (0, -1))

  def whole(x):  # The inverse.
    x = jnp.moveaxis(x, (0, -1), (1, 2))
    return x.reshape(batch, -1, *x.shape[3:])[:, :length]

  # Else the backward pass would keep each chunk's matrices.
  @functools.partial(jax.checkpoint, prevent_cse=False)
  def step(state, x):
    sums_BxGxMxE, sum_BxGxM, before_BxG = state
    q_BxGxRxMxT, k_BxGxMxS, v_BxGxExS, scale_BxGxS, top_BxGxT = x
    decay_BxGxTxS = jnp.exp(
      jnp.where(
        seen_TxS, scale_BxGxS[..., None, :] - top_BxGxT[..., None], -jnp.inf
      )
    )
    within = jnp.einsum('bgrmt,bgms->bgrts', q_BxGxRxMxT, k_BxGxMxS)
    within *= decay_BxGxTxS[:, :, None]
    fade_BxGxT = jnp.exp(before_BxG[..., None] - top_BxGxT)
    q = q_BxGxRxMxT * fade_BxGxT[:, :, None, None]
    out = jnp.einsum('bgrts,bges->bgret', within, v_BxGxExS)
    out += jnp.einsum('bgrmt,bgme->bgret', q, sums_BxGxMxE)
    weight = within.sum(-1) + jnp.einsum('bgrmt,bgm->bgrt', q, sum_BxGxM)
    # The last query of the chunk weighs all its keys as the state must.
    k = k_BxGxMxS * decay_BxGxTxS[:, :, -1:]
    fade_BxGx1 = fade_BxGxT[..., -1:]
    sums = sums_BxGxMxE * fade_BxGx1[..., None]
    sums += jnp.einsum('bgms,bges->bgme', k, v_BxGxExS)
    state = sums, sum_BxGxM * fade_BxGx1 + k.sum(-1), top_BxGxT[..., -1]
    return state, (out, weight)

  nothing = jnp.zeros((batch, groups, features), jnp.float32)
  state = (
    jnp.zeros((*nothing.shape, v_BxTxGxE.shape[-1]), jnp.float32),
    nothing,
    top_BxTxG[:, 0],
  )
  xs = (q_BxTxGxRxM, k, v_BxTxGxE, scale_BxTxG, top_BxTxG)
  _, (out, weight) = lax.scan(step, state, tuple(map(chunks, xs)))
  return whole(out), whole(weight)


class Linear(linen.Module):
  """Attention with the kernel (elu(q) + 1) (elu(k) + 1).

  Attributes:
    causal: Whether a position sees none behind it.
    chunk: Positions that the causal form takes at once.

  Cost:
    M = D
    c = min(chunk, T)
    MACs = T * M * (heads * (E + 1) + kv * E)
    if causal:
      MACs = -(-T // c) * c * (
        M * (heads * (E + 1) + kv * E) + c * heads * (M + E)
      )

  Reference:
    Katharopoulos et al., 2020, https://arxiv.org/abs/2006.16236

  Example:
    >>> q = jnp.ones((1, 6, 4, 8))
    >>> Linear(causal=True).apply({}, q, q, q, (6,)).shape
    (1, 6, 4, 8)
  """

  causal: bool = False
  chunk: int = 64

  @linen.compact
  def __call__(
    self, q: jax.Array, k: jax.Array, v: jax.Array, grid: tuple[int, ...]
  ) -> jax.Array:
    """Mixes [B, T, H, D], [B, T, G, D], [B, T, G, E] to [B, T, H, E]."""
    return kernel_attention(
      _log_feature(q),
      _log_feature(k),
      v,
      causal=self.causal,
      chunk=self.chunk,
    )


def _log_feature(x):
  """Returns log(elu(x) + 1), without rounding small features to zero."""
  x = x.astype(jnp.float32)
  return jnp.where(x > 0, jnp.log1p(jnp.maximum(x, 0)), x)


def variants() -> dict[str, linen.Module]:
  """Returns both directions."""
  return {'linear': Linear(), 'causal_linear': Linear(causal=True)}
