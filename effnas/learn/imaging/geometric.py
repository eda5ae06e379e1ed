"""Augmentations that are a random affine map of each image."""

import dataclasses
import math

import jax

from effnas import errors
from effnas.learn import change
from effnas.learn.imaging import warp


@dataclasses.dataclass(frozen=True, kw_only=True)
class Geometric(change.Change):
  """Maps each image; what derives from it draws the map.

  Attributes:
    fill: Value of what comes from outside; 0 is the mean colour.
    interpolation: 'nearest' or 'bilinear'.
  """

  fill: float = 0.0
  interpolation: str = 'bilinear'

  def __post_init__(self):
    """Checks the settings."""
    self.check('fill', -math.inf)
    if self.interpolation not in warp.INTERPOLATIONS:
      known = warp.INTERPOLATIONS
      raise errors.unknown('interpolation', self.interpolation, known)

  def inverse(self, key: jax.Array) -> jax.Array:
    """Returns the map of one image, see `effnas.learn.imaging.warp`."""
    raise TypeError(f'{self.name} does not say how it maps')

  def change(self, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """Returns the batch, each image under a map of its own."""

    def one(key, image):
      return warp.apply(
        image,
        self.inverse(key),
        fill=self.fill,
        interpolation=self.interpolation,
      )

    return change.each(one, key, inputs)
