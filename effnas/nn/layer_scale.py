"""Layer scale: a learned factor per channel on a residual branch."""

from flax import linen
import jax


class LayerScale(linen.Module):
  """Multiplies each channel by a parameter of its own.

  The parameters start small, so that a deep network starts near the identity.

  Attributes:
    initial: What each factor starts from.

  Reference:
    Touvron et al., 2021, Going Deeper with Image Transformers,
    https://arxiv.org/abs/2103.17239

  Example:
    >>> import jax.numpy as jnp
    >>> x = jnp.array([[2., 4.]])
    >>> scale = LayerScale(0.5)
    >>> scale.apply(scale.init(jax.random.key(0), x), x).tolist()
    [[1.0, 2.0]]
  """

  initial: float = 1e-6

  @linen.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Scales a branch [..., C]."""
    return x * self.param(
      'scale', linen.initializers.constant(self.initial), (x.shape[-1],)
    )
