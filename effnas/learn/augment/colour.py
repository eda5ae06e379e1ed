"""Brightness, contrast and saturation by random factors."""

import dataclasses

import jax

from effnas.learn import change
from effnas.learn.imaging import colour


@dataclasses.dataclass(frozen=True, kw_only=True)
class Colour(change.Change):
  """Changes brightness, then contrast, then saturation of each image.

  Each by a factor drawn evenly from 1 - strength (0 at the least) to
  1 + strength; 0 changes nothing. Images of one channel have no saturation.

  Attributes:
    brightness: Strength.
    contrast: Strength.
    saturation: Strength.
  """

  brightness: float = 0.4
  contrast: float = 0.4
  saturation: float = 0.4
  takes = 'pixels'

  def __post_init__(self):
    """Checks the settings."""
    for name in ('brightness', 'contrast', 'saturation'):
      self.check(name, 0)

  def change(self, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """Returns the batch, each image in other colours."""
    steps = (
      (colour.brightness, self.brightness),
      (colour.contrast, self.contrast),
      (colour.saturation, self.saturation),
    )

    def one(key, image):
      keys = jax.random.split(key, len(steps))
      for (step, strength), own in zip(steps, keys, strict=True):
        low, high = max(1 - strength, 0.0), 1 + strength
        factor = jax.random.uniform(own, minval=low, maxval=high)
        image = step(image, factor)
      return image

    return change.each(one, key, inputs)
