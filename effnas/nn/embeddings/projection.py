"""No table: random features of the token, and a projection of these."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np

from effnas.nn import hashing, layers


def ternary(tokens: jax.Array, width: int, seed: int = 0) -> jax.Array:
  """Codes of tokens: two bits of a hash a feature, the low less the high.

  A feature is thus -1, 0, 0 or 1, each for a quarter of the tokens, and the
  codes of two tokens are nearly orthogonal.

  Args:
    tokens: Integers of any shape.
    width: Features.
    seed: Of the hash functions.

  Returns:
    Integers -1, 0 and 1, int8 [..., width].

  Example:
    >>> ternary(jnp.array([5, 6]), 3).shape
    (2, 3)
  """
  words = hashing.words(tokens, -(-width // 16), seed)
  bits = (words[..., None] >> np.arange(32, dtype=np.uint32)) & 1
  bits = bits.reshape(*tokens.shape, -1, 2).astype(jnp.int8)
  return (bits[..., 0] - bits[..., 1])[..., :width]


class Projection(linen.Module):
  """Projects ternary codes that a hash of the token gives.

  Nothing is stored per token, so the size does not depend on the vocabulary.
  The publications hash strings; here it is the tokens' numbers.

  Attributes:
    features: Channels F.
    vocabulary: Number of tokens V; any number of tokens works.
    width: Features of a code.
    seed: Of the hash functions.

  Cost:
    parameters = width * F + F
    MACs = T * width * F

  Reference:
    Kaliamoorthi et al., 2019, PRADO, https://aclanthology.org/D19-1506;
    Kaliamoorthi et al., 2021, pQRNN, https://arxiv.org/abs/2101.08890

  Example:
    >>> tokens = jnp.array([[3, 1, 3]])
    >>> embedding = Projection(features=4, width=16)
    >>> variables = embedding.init(jax.random.key(0), tokens)
    >>> variables['params']['project']['kernel'].shape
    (16, 4)
    >>> embedding.apply(variables, tokens).shape
    (1, 3, 4)
  """

  features: int = 64
  vocabulary: int = 1000
  width: int = 256
  seed: int = 0

  @linen.compact
  def __call__(self, tokens: jax.Array) -> jax.Array:
    """Maps [N, T] to [N, T, F]."""
    # A bias of its own, not the dense layer's, says in which dtype to compute:
    # tokens cannot, and a quantized kernel is made of integers.
    bias = self.param('bias', linen.initializers.zeros, (self.features,))
    codes = ternary(tokens, self.width, self.seed).astype(bias.dtype)
    project = layers.Dense(self.features, use_bias=False, name='project')
    return project(codes) + bias


def variants() -> dict[str, linen.Module]:
  """Returns the projection of PRADO and pQRNN."""
  return {'pqrnn': Projection()}
