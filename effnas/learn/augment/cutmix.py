"""A rectangle of each image from another; labels by the share of pixels."""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from effnas.learn import change
from effnas.learn.imaging import boxes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cutmix(change.Mix):
  """Pastes a rectangle of another image of the batch into each image.

  Each image has a rectangle of its own, of the image's proportions, around any
  pixel and cut at the border.

  Attributes:
    alpha: The share that is kept, before the cut, is drawn from
      Beta(alpha, alpha); 0 mixes nothing.
    probability: Of each image.

  Reference:
    Yun et al. 2019, https://arxiv.org/abs/1905.04899
  """

  alpha: float = 1.0
  probability: float = 1.0
  takes: ClassVar[change.Takes] = 'images'

  def __post_init__(self):
    """Checks the settings."""
    self.check('alpha', 0)
    self.check('probability', 0, 1)

  def mix(
    self, key: jax.Array, inputs: jax.Array, labels: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Returns images with a part of others, and weights of both labels."""
    order_key, weight_key, place_key = jax.random.split(key, 3)
    size = (inputs.shape[1], inputs.shape[2])
    order = jax.random.permutation(order_key, len(inputs))
    kept = change.kept(weight_key, len(inputs), self.alpha, self.probability)

    def pasted(key, kept):
      side = jnp.sqrt(1 - kept)
      sides = [jnp.round(side * s).astype(jnp.int32) for s in size]
      return boxes.around(key, size, sides)

    place = jax.vmap(pasted)(jax.random.split(place_key, len(inputs)), kept)
    own = change.per_row(1 - place.mean((1, 2), dtype=jnp.float32), labels)
    return (
      jnp.where(place[..., None], inputs[order], inputs),
      own * labels + (1 - own) * labels[order],
    )
