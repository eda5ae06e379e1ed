"""Affine maps of an image, by looking each output pixel up in the input.

A map is a matrix (2, 3) from the place of an output pixel, (row, column, 1)
from the centre of the image, to a place in the input, likewise from its centre.
"""

from typing import Any

import jax
import jax.numpy as jnp

from effnas import errors

INTERPOLATIONS = ('nearest', 'bilinear')


def matrix(rows: Any) -> jax.Array:
  """Returns a map from two rows of three numbers, traced or not."""
  return jnp.stack(
    [jnp.stack([jnp.asarray(v, jnp.float32) for v in row]) for row in rows]
  )


def rotation(degrees: Any) -> jax.Array:
  """Returns the map that turns an image, counter-clockwise as it is seen."""
  angle = jnp.deg2rad(jnp.asarray(degrees, jnp.float32))
  cos, sin = jnp.cos(angle), jnp.sin(angle)
  return matrix([[cos, sin, 0], [-sin, cos, 0]])


def shear(rows: Any, columns: Any) -> jax.Array:
  """Returns the map that slants an image about its centre.

  Args:
    rows: Pixels that the input is read further down per column to the right.
    columns: Pixels that it is read further to the right per row down.
  """
  return matrix([[1, rows, 0], [columns, 1, 0]])


def scaling(factor: Any) -> jax.Array:
  """Returns the map that enlarges an image about its centre by a factor."""
  inverse = 1 / jnp.asarray(factor, jnp.float32)
  return matrix([[inverse, 0, 0], [0, inverse, 0]])


def translation(rows: Any, columns: Any) -> jax.Array:
  """Returns the map that moves an image down and to the right, in pixels."""
  return matrix([[1, 0, -rows], [0, 1, -columns]])


def apply(
  image: jax.Array,
  inverse: jax.Array,
  *,
  fill: float = 0.0,
  interpolation: str = 'nearest',
) -> jax.Array:
  """Returns an image under an affine map.

  Args:
    image: (H, W, C); integers are rounded where pixels are interpolated.
    inverse: A map of this module.
    fill: Value of what comes from outside of the image.
    interpolation: 'nearest' or 'bilinear'.

  Returns:
    The same shape and type.

  Raises:
    UserError: Another interpolation.

  Example:
    >>> image = jnp.arange(4).reshape(2, 2, 1)
    >>> apply(image, rotation(90))[..., 0]
    Array([[1, 3],
           [0, 2]], dtype=int32)
  """
  if interpolation not in INTERPOLATIONS:
    raise errors.unknown('interpolation', interpolation, INTERPOLATIONS)
  height, width, channels = image.shape
  middle = (height - 1) / 2, (width - 1) / 2
  down = jnp.arange(height, dtype=jnp.float32)[:, None] - middle[0]
  right = jnp.arange(width, dtype=jnp.float32)[None] - middle[1]
  rows, columns = (
    m[0] * down + m[1] * right + m[2] + start
    for m, start in zip(inverse, middle, strict=True)
  )
  pixels = image.reshape(height * width, channels)

  def look_up(r, c):
    inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
    r = jnp.clip(r, 0, height - 1).astype(jnp.int32)
    c = jnp.clip(c, 0, width - 1).astype(jnp.int32)
    found = pixels.at[r * width + c].get(mode='promise_in_bounds')
    return jnp.where(inside[..., None], found, jnp.asarray(fill, found.dtype))

  if interpolation == 'nearest':
    return look_up(jnp.floor(rows + 0.5), jnp.floor(columns + 0.5))
  top, left = jnp.floor(rows), jnp.floor(columns)
  part_r, part_c = (rows - top)[..., None], (columns - left)[..., None]

  def at(r, c):
    return look_up(top + r, left + c).astype(jnp.float32)

  above = (1 - part_c) * at(0, 0) + part_c * at(0, 1)
  below = (1 - part_c) * at(1, 0) + part_c * at(1, 1)
  found = (1 - part_r) * above + part_r * below
  if jnp.issubdtype(image.dtype, jnp.integer):
    found = jnp.round(found)
  return found.astype(image.dtype)
