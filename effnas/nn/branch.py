"""What a residual branch goes through before it is added."""

from flax import linen
import jax

from effnas.nn import layer_scale as layer_scale_lib
from effnas.nn import stochastic_depth


class Branch(linen.Module):
  """Layer scale, then stochastic depth.

  Attributes:
    layer_scale: What the channels' factors start from; None leaves them out.
    drop_path: Rate of stochastic depth.

  Example:
    >>> import jax.numpy as jnp
    >>> end = Branch(layer_scale=1e-6)
    >>> variables = end.init(jax.random.key(0), jnp.ones((1, 2, 2, 3)))
    >>> variables['params']['scale']['scale'].shape
    (3,)
  """

  layer_scale: float | None = None
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps a branch [N, ..., C] to the same shape."""
    if self.layer_scale is not None:
      x = layer_scale_lib.LayerScale(self.layer_scale, name='scale')(x)
    return stochastic_depth.StochasticDepth(self.drop_path)(x, train)
