"""Hides a rectangle of some images behind noise."""

import dataclasses
import math

import jax
import jax.numpy as jnp

from effnas import errors
from effnas.learn import change
from effnas.learn.imaging import boxes

_TRIES = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Erasing(change.Change):
  """Hides a rectangle of random area and aspect that lies within the image.

  Area and aspect are drawn up to ten times until the rectangle fits; an image
  into which none of them does stays as it is.

  Attributes:
    probability: Of each image.
    low: The smallest area, as a share of the image.
    high: The largest.
    aspect: The smallest height over width; the largest is its inverse.
    noise: Whether to hide behind normal noise of deviation 1, each pixel its
      own; else behind zeros, the mean colour.

  Reference:
    Zhong et al. 2017, https://arxiv.org/abs/1708.04896
  """

  probability: float = 0.5
  low: float = 0.02
  high: float = 0.4
  aspect: float = 0.3
  noise: bool = True

  def __post_init__(self):
    """Checks the settings."""
    for name in ('probability', 'low', 'high'):
      self.check(name, 0, 1)
    self.check('aspect', 0.01, 1)
    self.check_flag('noise')
    if self.low > self.high:
      raise errors.UserError(
        f'erasing.low is at most erasing.high; got {self.low} and {self.high}'
      )

  def change(self, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """Returns the batch, a rectangle of some images hidden."""
    box_key, noise_key = jax.random.split(key)
    hidden = change.each(
      lambda key, image: self.hidden(key, image.shape[:2]), box_key, inputs
    )
    other = jnp.zeros_like(inputs)
    if self.noise:
      drawn = jax.random.normal(noise_key, inputs.shape)
      other = drawn.astype(inputs.dtype)
    return jnp.where(hidden[..., None], other, inputs)

  def hidden(self, key: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Returns which pixels of an image are hidden, (H, W), bool."""
    area_key, aspect_key, place_key, whether_key = jax.random.split(key, 4)
    area = jax.random.uniform(
      area_key, (_TRIES,), minval=self.low, maxval=self.high
    )
    # Evenly in the logarithm: tall is as likely as wide.
    wide = -math.log(self.aspect)
    ratio = jnp.exp(
      jax.random.uniform(aspect_key, (_TRIES,), minval=-wide, maxval=wide)
    )
    pixels = area * (size[0] * size[1])
    rows = jnp.round(jnp.sqrt(pixels * ratio)).astype(jnp.int32)
    columns = jnp.round(jnp.sqrt(pixels / ratio)).astype(jnp.int32)
    fits = (rows <= size[0]) & (columns <= size[1])
    first = jnp.argmax(fits)
    sides = rows[first], columns[first]
    corner = [
      jax.random.randint(k, (), 0, jnp.maximum(whole - side, 0) + 1)
      for k, whole, side in zip(
        jax.random.split(place_key), size, sides, strict=True
      )
    ]
    erased = jax.random.bernoulli(whether_key, float(self.probability))
    return boxes.mask(size, corner, sides) & erased & fits[first]
