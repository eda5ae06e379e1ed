"""Progressive resizing: a training that begins on smaller images."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from effnas import errors

# (share of the training from which, side in pixels), in rising order.
Pieces = tuple[tuple[float, int], ...]


def pieces(value: Sequence[Any] | None) -> Pieces:
  """Returns the pieces of a training, checked.

  Args:
    value: Pairs (share of the training from which, side in pixels), as
      [[0.0, 16], [0.5, 32]]; none leaves inputs as they are.

  Raises:
    UserError: They are no such pairs, do not rise or do not begin at 0.

  Example:
    >>> pieces([[0.0, 16], [0.5, 32]])
    ((0.0, 16), (0.5, 32))
  """
  try:
    found = tuple((float(start), side) for start, side in value or ())
  except (TypeError, ValueError):
    found = ((-1.0, 0),)
  starts = [start for start, _ in found]
  if starts and (
    starts[0] != 0 or starts != sorted(set(starts)) or starts[-1] >= 1
  ):
    raise errors.UserError(
      'resolutions are pairs of a share of the training, rising from 0 and '
      f'below 1, and a side in pixels, as [[0.0, 16], [0.5, 32]]; got {value!r}'
    )
  for _, side in found:
    if not isinstance(side, int) or isinstance(side, bool) or side < 1:
      raise errors.UserError(
        f'a side is a number of pixels from 1; got {side!r} in resolutions'
      )
  return found


def at(pieces: Pieces, epoch: int, epochs: int) -> int | None:
  """Returns the side that an epoch is trained at; None leaves it as it is.

  Args:
    pieces: As `pieces` returns them.
    epoch: From 1.
    epochs: Of the whole training.

  Example:
    >>> [at(((0.0, 16), (0.5, 32)), epoch, 4) for epoch in (1, 2, 3, 4)]
    [16, 16, 32, 32]
  """
  done = (epoch - 1) / epochs
  begun = [side for start, side in pieces if start <= done]
  return begun[-1] if begun else None


def resized(images: jax.Array, side: int | None) -> jax.Array:
  """Returns images at another resolution, by area where they get smaller.

  Args:
    images: (N, H, W, C), float.
    side: Pixels of the shorter side; None leaves them as they are.

  Returns:
    (N, h, w, C), of the same proportions to the nearest pixel.

  Raises:
    UserError: They are no images.

  Example:
    >>> resized(jnp.ones((2, 32, 48, 3)), 16).shape
    (2, 16, 24, 3)

  Reference:
    Howard, Progressive resizing, in: Now anyone can train Imagenet in 18
    minutes, 2018; Tan and Le, EfficientNetV2, 2021,
    https://arxiv.org/abs/2104.00298
  """
  if side is None:
    return images
  if images.ndim != 4 or not jnp.issubdtype(images.dtype, jnp.floating):
    raise errors.UserError(
      f'resolutions are of images (N, H, W, C); got {images.dtype} of shape '
      f'{images.shape}'
    )
  rows, height, width, channels = images.shape
  if min(height, width) == side:
    return images
  scale = side / min(height, width)
  shape = (rows, round(height * scale), round(width * scale), channels)
  # Bilinear and antialiased: each pixel is a mean over what it stands for.
  return jax.image.resize(images, shape, 'linear')


def check(net: Any, inputs: jax.ShapeDtypeStruct, pieces: Pieces) -> None:
  """Finds a network whose parameters depend on the resolution.

  Args:
    net: A Linen module.
    inputs: A prepared batch.
    pieces: As `pieces` returns them.

  Raises:
    UserError: It cannot be trained at one of the sides.
  """

  def shapes(side):
    return jax.eval_shape(
      lambda x: net.init(jax.random.key(0), resized(x, side)), inputs
    )

  whole = shapes(None) if pieces else None
  for _, side in pieces:
    try:
      same = shapes(side) == whole
    except errors.UserError:
      raise
    except (TypeError, ValueError, ZeroDivisionError):
      same = False
    if not same:
      raise errors.UserError(
        f'the network has other parameters at {side} pixels: resolutions take '
        'one that pools over positions before its classifier'
      )
