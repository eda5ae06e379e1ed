"""Hides runs of tokens behind one token."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from effnas.learn import change


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpanMasking(change.Change):
  """Hides spans of geometric lengths; labels, next tokens too, stay.

  Spans begin anywhere, before the text as well, and may overlap; their rate is
  such that each token is hidden with the same probability.

  Attributes:
    probability: Of each token, less than 1.
    stop: Chance that a span ends after a token; 0.2 as in the paper.
    longest: Tokens of the longest span.
    mask: The token to put in their place.

  Reference:
    Joshi et al. 2019, SpanBERT, https://arxiv.org/abs/1907.10529
  """

  probability: float = 0.15
  stop: float = 0.2
  longest: int = 10
  mask: int = 0
  takes = 'tokens'

  def __post_init__(self):
    """Checks the settings."""
    self.check('probability', 0, 0.99)
    self.check('stop', 0.01, 1)
    self.check_whole('longest', 1)
    self.check_whole('mask', 0)

  def change(self, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """Returns the batch, some of its spans hidden."""
    n, length = inputs.shape
    ahead = self.longest - 1
    start_key, length_key = jax.random.split(key)
    shape = (n, length + ahead)
    begins = jax.random.bernoulli(start_key, self.rate(), shape)
    drawn = jax.random.geometric(length_key, self.stop, shape)
    spans = jnp.where(begins, jnp.minimum(drawn, self.longest), 0)
    hidden = jnp.zeros(inputs.shape, bool)
    for past in range(self.longest):
      first = ahead - past
      hidden |= spans[:, first : first + length] > past
    return jnp.where(hidden, jnp.asarray(self.mask, inputs.dtype), inputs)

  def rate(self) -> float:
    """Returns the chance that a span begins at a place."""
    reaches = (1 - self.stop) ** np.arange(self.longest)
    low, high = 0.0, 1.0
    for _ in range(50):
      middle = (low + high) / 2
      if 1 - np.prod(1 - middle * reaches) < self.probability:
        low = middle
      else:
        high = middle
    return low
