"""Shifts images by a share of their size, in whole pixels."""

import dataclasses
import math

import jax

from effnas.learn import change
from effnas.learn.imaging import warp


@dataclasses.dataclass(frozen=True, kw_only=True)
class Translate(change.Change):
  """Shifts each image down and to the right, or back.

  Attributes:
    share: The largest shift, as a share of height and width; each whole number
      of pixels up to it is equally likely.
    fill: Value that moves in; 0 is the mean colour.
  """

  share: float = 0.1
  fill: float = 0.0

  def __post_init__(self):
    """Checks the settings."""
    self.check('share', 0, 1)
    self.check('fill', -math.inf)

  def change(self, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """Returns the batch, each image shifted."""
    # The small number: 0.29 * 100 is a little less than 29.
    most = [int(self.share * side + 1e-9) for side in inputs.shape[1:3]]

    def one(key, image):
      moves = [
        jax.random.randint(k, (), -m, m + 1)
        for k, m in zip(jax.random.split(key), most, strict=True)
      ]
      return warp.apply(image, warp.translation(*moves), fill=self.fill)

    return change.each(one, key, inputs)
