"""Linear attention: products of features in place of the softmax."""

from flax import linen
import jax
import jax.numpy as jnp

from effnas.nn import heads


def kernel_attention(
  q_BxTxHxM: jax.Array, k_BxSxHxM: jax.Array, v_BxSxHxE: jax.Array
) -> jax.Array:
  """Attention with weights proportional to q . k, O(T + S) in time.

  Args:
    q_BxTxHxM: Features of queries, not negative.
    k_BxSxHxM: Features of keys, not negative.
    v_BxSxHxE: Values.

  Returns:
    [B, T, H, E]: for each query a convex combination of the values.
  """
  summary_BxHxMxE = jnp.einsum('bshm,bshe->bhme', k_BxSxHxM, v_BxSxHxE)
  weight_BxTxH = jnp.einsum('bthm,bhm->bth', q_BxTxHxM, k_BxSxHxM.sum(1))
  out = jnp.einsum('bthm,bhme->bthe', q_BxTxHxM, summary_BxHxMxE)
  return out / weight_BxTxH[..., None]


class Linear(linen.Module):
  """Attention with the kernel (elu(q) + 1) (elu(k) + 1).

  Cost:
    MACs = T * heads * D * (2 * E + 1)

  Reference:
    Katharopoulos et al., 2020, https://arxiv.org/abs/2006.16236
  """

  @linen.compact
  def __call__(
    self, q: jax.Array, k: jax.Array, v: jax.Array, grid: tuple[int, ...]
  ) -> jax.Array:
    """Mixes values: [B, T, H, D], 2 x [B, T, G, D] -> [B, T, H, D]."""
    k, v = heads.match(q.shape[2], k, v)
    return kernel_attention(jax.nn.elu(q) + 1, jax.nn.elu(k) + 1, v)


def variants() -> dict[str, linen.Module]:
  """Returns the published one."""
  return {'linear': Linear()}
