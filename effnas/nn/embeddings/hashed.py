"""A table with fewer rows than tokens: each token mixes some of the rows."""

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.nn import hashing

_IMPORTANCE = ('token', 'shared', 'none')


class Hashed(linen.Module):
  """Adds the rows that several hash functions choose, weighed by importance.

  Tokens that share one row seldom share the others, and learn what each row is
  worth to them. With as many rows as tokens or more every hash is the
  identity, which is perfect: then one hash without importance is a plain
  table. Vectors start at a table's scale (the published code starts
  importance near zero).

  Attributes:
    features: Channels F.
    vocabulary: Number of tokens V; tokens are 0 to V - 1.
    buckets: Rows of the table.
    hashes: Rows per token.
    importance: Weights of a token's rows: of its own for each 'token', one per
      hash function 'shared' by all tokens, or 'none', a plain sum.
    seed: Of the hash functions.

  Cost:
    weights = {'token': V, 'shared': 1, 'none': 0}[importance] * hashes
    parameters = buckets * F + weights
    MACs = T * hashes * F * (importance != 'none')

  Reference:
    Svenstrup et al., 2017, Hash Embeddings for Efficient Word
    Representations, https://arxiv.org/abs/1709.03933; plain sums: Serrà and
    Karatzoglou, 2017, https://arxiv.org/abs/1706.03993

  Example:
    >>> tokens = jnp.array([[3, 1, 3]])
    >>> embedding = Hashed(features=4, vocabulary=1000, buckets=10)
    >>> variables = embedding.init(jax.random.key(0), tokens)
    >>> variables['params']['table']['embedding'].shape
    (10, 4)
    >>> embedding.apply(variables, tokens).shape
    (1, 3, 4)
  """

  features: int = 64
  vocabulary: int = 1000
  buckets: int = 100
  hashes: int = 2
  importance: str = 'token'
  seed: int = 0

  @linen.compact
  def __call__(self, tokens: jax.Array) -> jax.Array:
    """Maps [N, T] to [N, T, F].

    Raises:
      UserError: `importance` is none of its words.
    """
    if self.importance not in _IMPORTANCE:
      raise errors.unknown(
        '`importance` of Hashed', self.importance, _IMPORTANCE
      )
    table = linen.Embed(self.buckets, self.features, name='table')
    rows_NxTxKxF = table(self._buckets(tokens))
    if self.importance == 'none':
      return rows_NxTxKxF.sum(2)
    start = linen.initializers.constant(self.hashes**-0.5)
    if self.importance == 'shared':
      weights = self.param('importance', start, (self.hashes,))
      return jnp.einsum('ntkf,k->ntf', rows_NxTxKxF, weights)
    weights_NxTxK = linen.Embed(
      self.vocabulary, self.hashes, embedding_init=start, name='importance'
    )(tokens)
    return jnp.einsum('ntkf,ntk->ntf', rows_NxTxKxF, weights_NxTxK)

  def _buckets(self, tokens):
    """Rows of the table for each token, [N, T, hashes]."""
    if self.vocabulary <= self.buckets:
      return jnp.repeat(tokens[..., None], self.hashes, axis=-1)
    words = hashing.words(tokens, self.hashes, self.seed)
    return (words % jnp.uint32(self.buckets)).astype(jnp.int32)


def variants() -> dict[str, linen.Module]:
  """Returns hash embeddings, and Bloom embeddings, which are plain sums."""
  return {
    'hash_embeddings': Hashed(),
    'bloom_embeddings': Hashed(hashes=4, importance='none'),
  }
