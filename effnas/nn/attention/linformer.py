"""The Linformer's attention: keys and values at fewer positions."""

from flax import linen
import jax

from effnas import errors
from effnas.nn import layers
from effnas.nn.attention import softmax


class Linformer(linen.Module):
  """Softmax attention over learned mixtures of positions, O(T length).

  Two matrices [T, length], one for keys and one for values, are shared by the
  heads; they fix T. A mixture holds every position, so there is no causal form.

  Attributes:
    length: Mixtures, cut to T.

  Cost:
    k = min(length, T)
    MACs = T * k * (D + E) * (heads + kv)

  Reference:
    Wang et al., 2020, https://arxiv.org/abs/2006.04768

  Example:
    >>> import jax.numpy as jnp
    >>> q, mixer = jnp.ones((1, 6, 4, 8)), Linformer(length=2)
    >>> variables = mixer.init(jax.random.key(0), q, q, q, (6,))
    >>> variables['params']['mix_keys']['kernel'].shape
    (6, 2)
  """

  length: int = 64

  @linen.compact
  def __call__(
    self, q: jax.Array, k: jax.Array, v: jax.Array, grid: tuple[int, ...]
  ) -> jax.Array:
    """Mixes [B, T, H, D], [B, T, G, D], [B, T, G, E] to [B, T, H, E].

    Raises:
      UserError: `length` is smaller than 1.
    """
    if self.length < 1:
      raise errors.UserError(f'length must be at least 1; got {self.length}')
    return softmax.softmax_attention(
      q, self._mixed(k, 'mix_keys'), self._mixed(v, 'mix_values')
    )

  def _mixed(self, x, name):
    dense = layers.Dense(
      min(self.length, x.shape[1]), use_bias=False, name=name
    )
    return dense(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def variants() -> dict[str, linen.Module]:
  """Returns the published one."""
  return {'linformer': Linformer(length=16)}
