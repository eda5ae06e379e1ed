"""Cross-covariance attention: channels attend to channels."""

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.nn import heads


class CrossCovariance(linen.Module):
  """Mixes the channels of a head by the products of their maps.

  Each channel of queries and keys is scaled to length 1 over the positions;
  the D x D products, times a learned temperature of the head, are weights by a
  softmax. O(T) in the positions, whose order does not matter.

  Cost:
    MACs = 2 * T * heads * D**2

  Reference:
    El-Nouby et al., 2021, XCiT, https://arxiv.org/abs/2106.09681

  Example:
    >>> q, mixer = jnp.ones((1, 6, 4, 8)), CrossCovariance()
    >>> variables = mixer.init(jax.random.key(0), q, q, q, (6,))
    >>> variables['params']['temperature'].shape
    (4,)
  """

  @linen.compact
  def __call__(
    self, q: jax.Array, k: jax.Array, v: jax.Array, grid: tuple[int, ...]
  ) -> jax.Array:
    """Mixes [B, T, H, D], 2 x [B, T, G, D] to [B, T, H, D].

    Raises:
      UserError: Values have other channels than keys.
    """
    if k.shape[-1] != v.shape[-1]:
      raise errors.UserError(
        'cross-covariance attention needs value_dim = head_dim; got '
        f'{v.shape[-1]} and {k.shape[-1]}'
      )
    k, v = heads.match(q.shape[2], k, v)
    temperature = self.param(
      'temperature', linen.initializers.ones, (q.shape[2],)
    )
    scores_BxHxDxD = jnp.einsum(
      'bthd,bthe->bhde',
      _unit(q),
      _unit(k),
      preferred_element_type=jnp.float32,
    )
    scores_BxHxDxD *= temperature.astype(jnp.float32)[:, None, None]
    weights = jax.nn.softmax(scores_BxHxDxD).astype(v.dtype)
    return jnp.einsum('bhde,bthe->bthd', weights, v)


def _unit(x_BxTxHxD):
  """Scales each channel to length 1 over the positions; zeros stay zeros."""
  x = x_BxTxHxD.astype(jnp.float32)
  squares = jnp.sum(x**2, axis=1, keepdims=True)
  x = x * jax.lax.rsqrt(jnp.maximum(squares, 1e-24))
  return x.astype(x_BxTxHxD.dtype)


def variants() -> dict[str, linen.Module]:
  """Returns the published one."""
  return {'cross_covariance': CrossCovariance()}
