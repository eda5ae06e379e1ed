"""Stochastic depth: residual branches that are left out at random."""

from flax import linen
import jax


class StochasticDepth(linen.Module):
  """Drops the residual branch of an example with some probability.

  In training, each example's branch is either zero or scaled by 1 / (1 -
  rate), so that its expectation is the branch; at inference nothing happens.
  Draws come from the random stream 'dropout'.

  Attributes:
    rate: Probability that an example's branch is dropped.

  Reference:
    Huang et al., 2016, Deep Networks with Stochastic Depth,
    https://arxiv.org/abs/1603.09382

  Example:
    >>> import jax.numpy as jnp
    >>> module = StochasticDepth(0.5)
    >>> x = jnp.ones((6, 2, 2, 1))
    >>> y = module.apply({}, x, True, rngs={'dropout': jax.random.key(0)})
    >>> sorted(set(y.ravel().tolist()))
    [0.0, 2.0]
  """

  rate: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps a branch [N, ...] to the same shape."""
    return linen.Dropout(
      self.rate, broadcast_dims=range(1, x.ndim), deterministic=not train
    )(x)
