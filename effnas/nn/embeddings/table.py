"""A table with a row per token."""

from flax import linen
import jax


class Table(linen.Module):
  """Looks tokens up in a table.

  Attributes:
    features: Channels F.
    vocabulary: Rows V; tokens are 0 to V - 1.

  Cost:
    parameters = V * F
    MACs = 0

  Reference:
    Bengio et al., 2003, A Neural Probabilistic Language Model, JMLR 3

  Example:
    >>> import jax.numpy as jnp
    >>> tokens = jnp.array([[3, 1, 3]])
    >>> embedding = Table(features=4, vocabulary=5)
    >>> variables = embedding.init(jax.random.key(0), tokens)
    >>> embedding.apply(variables, tokens).shape
    (1, 3, 4)
  """

  features: int = 64
  vocabulary: int = 1000

  @linen.compact
  def __call__(self, tokens: jax.Array) -> jax.Array:
    """Maps [N, T] to [N, T, F]."""
    return linen.Embed(self.vocabulary, self.features, name='table')(tokens)


def variants() -> dict[str, linen.Module]:
  """Returns the plain table."""
  return {'table': Table()}
