"""Hides single tokens, or whole words, behind one token."""

from collections.abc import Sequence
import dataclasses

import jax
import jax.numpy as jnp

from effnas.learn import change


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordDropout(change.Change):
  """Hides tokens of the inputs; labels, next tokens too, stay.

  Attributes:
    probability: Of each word.
    mask: The token to put in its place.
    boundaries: Tokens between words, as (32, 10) for bytes: words are hidden as
      wholes and boundaries stay. None of them: each token is a word.

  Reference:
    Bowman et al. 2016, https://arxiv.org/abs/1511.06349
  """

  probability: float = 0.1
  mask: int = 0
  boundaries: Sequence[int] = ()
  takes = 'tokens'

  def __post_init__(self):
    """Checks the settings."""
    self.check('probability', 0, 1)
    self.check_whole('mask', 0)

  def change(self, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """Returns the batch, some of its words hidden."""
    hidden = jax.random.bernoulli(key, float(self.probability), inputs.shape)
    if self.boundaries:
      between = jnp.isin(inputs, jnp.array(self.boundaries, inputs.dtype))
      # A word goes by the draw at the place of its number.
      word = jnp.cumsum(between, axis=1, dtype=jnp.int32)
      word = jnp.minimum(word, inputs.shape[1] - 1)
      hidden = jnp.take_along_axis(hidden, word, axis=1) & ~between
    return jnp.where(hidden, jnp.asarray(self.mask, inputs.dtype), inputs)
