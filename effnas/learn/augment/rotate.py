"""Turns images by a random angle."""

import dataclasses

import jax

from effnas.learn.imaging import geometric, warp


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rotate(geometric.Geometric):
  """Turns each image about its centre.

  Attributes:
    degrees: The largest angle, either way; all are equally likely.
    fill: See `effnas.learn.imaging.geometric`.
    interpolation: Likewise.
  """

  degrees: float = 15.0

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    self.check('degrees', 0, 360)

  def inverse(self, key: jax.Array) -> jax.Array:
    """Returns the map of one image."""
    most = self.degrees
    return warp.rotation(jax.random.uniform(key, minval=-most, maxval=most))
