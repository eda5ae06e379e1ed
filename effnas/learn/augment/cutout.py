"""Hides a square of each image."""

import dataclasses
import math

import jax
import jax.numpy as jnp

from effnas.learn import change
from effnas.learn.imaging import boxes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cutout(change.Change):
  """Hides a square whose centre is any pixel; it may lie partly outside.

  Attributes:
    share: Side of the square as a share of the shorter side of the image,
      rounded; a half is the paper's 16 pixels on CIFAR-10.
    fill: Value of the square; 0 is the mean colour.

  Reference:
    DeVries and Taylor 2017, https://arxiv.org/abs/1708.04552
  """

  share: float = 0.5
  fill: float = 0.0

  def __post_init__(self):
    """Checks the settings."""
    self.check('share', 0, 1)
    self.check('fill', -math.inf)

  def change(self, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """Returns the batch, a square of each image hidden."""
    size = (inputs.shape[1], inputs.shape[2])
    side = jnp.int32(round(self.share * min(size)))
    hidden = change.each(
      lambda key, _: boxes.around(key, size, (side, side)), key, inputs
    )
    fill = jnp.asarray(self.fill, inputs.dtype)
    return jnp.where(hidden[..., None], fill, inputs)
