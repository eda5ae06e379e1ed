"""A narrow table and a projection of its rows."""

from flax import linen
import jax

from effnas.nn import layers


class LowRank(linen.Module):
  """Looks tokens up in a table of few channels and widens the rows.

  Attributes:
    features: Channels F.
    vocabulary: Rows V of the table; tokens are 0 to V - 1.
    rank: Its channels.

  Cost:
    parameters = V * rank + rank * F + F
    MACs = T * rank * F

  Reference:
    Lan et al., 2020, ALBERT, https://arxiv.org/abs/1909.11942

  Example:
    >>> import jax.numpy as jnp
    >>> tokens = jnp.array([[3, 1, 3]])
    >>> embedding = LowRank(features=4, vocabulary=5, rank=2)
    >>> variables = embedding.init(jax.random.key(0), tokens)
    >>> variables['params']['table']['embedding'].shape
    (5, 2)
    >>> embedding.apply(variables, tokens).shape
    (1, 3, 4)
  """

  features: int = 64
  vocabulary: int = 1000
  rank: int = 16

  @linen.compact
  def __call__(self, tokens: jax.Array) -> jax.Array:
    """Maps [N, T] to [N, T, F]."""
    x = linen.Embed(self.vocabulary, self.rank, name='table')(tokens)
    return layers.Dense(self.features, name='project')(x)


def variants() -> dict[str, linen.Module]:
  """Returns ALBERT's factors."""
  return {'albert': LowRank()}
