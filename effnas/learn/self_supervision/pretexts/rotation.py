"""Rotation prediction: by which quarter turns an image was rotated."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.learn import objective
from effnas.learn.self_supervision import outputs

_TURNS = 4


def turned(images: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Returns the images under all four quarter turns.

  Args:
    images: (N, S, S, C).

  Returns:
    Images (4N, S, S, C), the N unturned ones first, then those turned by 90
    degrees against the clock, and so on; and the number of turns (4N,), int32.

  Raises:
    UserError: The images are not square.

  Example:
    >>> images, turns = turned(jnp.arange(4.0).reshape(1, 2, 2, 1))
    >>> images[1, :, :, 0].tolist(), turns.tolist()
    ([[1.0, 3.0], [0.0, 2.0]], [0, 1, 2, 3])
  """
  outputs.check_images('rotation', images)
  if images.shape[1] != images.shape[2]:
    raise errors.UserError(
      'rotation takes square images, as quarter turns keep their size; got '
      f'{images.shape[1]} x {images.shape[2]}'
    )
  copies = [jnp.rot90(images, turn, axes=(1, 2)) for turn in range(_TURNS)]
  turns = jnp.repeat(jnp.arange(_TURNS, dtype=jnp.int32), len(images))
  return jnp.concatenate(copies), turns


@dataclasses.dataclass(frozen=True)
class Rotation(objective.Objective):
  """The cross-entropy of telling the four quarter turns of each image.

  A step sees each image in all four, as the paper found best, so that it costs
  four times a supervised one; log 4 = 1.386 nats where nothing is told.

  Attributes:
    at: Path of the module whose output, averaged over positions, a dense layer
      tells the turn by; 'logits' are the network's logits.

  Reference:
    Gidaris, Singh, Komodakis, 2018, Unsupervised Representation Learning by
    Predicting Image Rotations, https://arxiv.org/abs/1803.07728
  """

  at: str = outputs.LOGITS

  def __post_init__(self):
    """Checks the settings."""
    outputs.check_path(self.at)

  def takes_unlabelled(self) -> bool:
    """Says that labels are not looked at."""
    return True

  def heads(self) -> Mapping[str, Any]:
    """Returns the layer that tells the turn."""
    return {'turns': linen.Dense(_TURNS)}

  def __call__(
    self,
    forward: Any,
    batch: objective.Batch,
    key: jax.Array,
    numbers: Mapping[str, Any],
  ) -> objective.Outcome:
    """Returns the loss of a batch."""
    del key
    images, turns = turned(batch.inputs)
    logits = forward.head('turns', outputs.rows(forward, images, self.at))
    smoothing = numbers['label_smoothing']
    loss = objective.cross_entropy(logits, turns, smoothing)
    return objective.Outcome(loss, logits, turns)
