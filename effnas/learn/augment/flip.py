"""Mirrors images left to right."""

import dataclasses

import jax
import jax.numpy as jnp

from effnas.learn import change


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flip(change.Change):
  """Mirrors some of the images.

  Attributes:
    probability: Of each image.
  """

  probability: float = 0.5

  def __post_init__(self):
    """Checks the settings."""
    self.check('probability', 0, 1)

  def change(self, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """Returns the batch, some of it mirrored."""
    shape = (len(inputs), 1, 1, 1)
    mirrored = jax.random.bernoulli(key, float(self.probability), shape)
    return jnp.where(mirrored, inputs[:, :, ::-1], inputs)
