"""Enlarges or shrinks images about their centre."""

import dataclasses
import math

import jax
import jax.numpy as jnp

from effnas import errors
from effnas.learn.imaging import geometric, warp


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scale(geometric.Geometric):
  """Scales each image; its size in pixels stays.

  Attributes:
    low: The smallest factor, more than 0.
    high: The largest; factors are drawn evenly in their logarithm.
    fill: See `effnas.learn.imaging.geometric`.
    interpolation: Likewise.
  """

  low: float = 0.8
  high: float = 1.25

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    self.check('low', 1e-3)
    self.check('high', 1e-3)
    if self.low > self.high:
      raise errors.UserError(
        f'scale.low is at most scale.high; got {self.low} and {self.high}'
      )

  def inverse(self, key: jax.Array) -> jax.Array:
    """Returns the map of one image."""
    low, high = math.log(self.low), math.log(self.high)
    drawn = jax.random.uniform(key, minval=low, maxval=high)
    return warp.scaling(jnp.exp(drawn))
