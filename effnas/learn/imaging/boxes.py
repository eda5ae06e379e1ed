"""Rectangles of an image as masks."""

from typing import Any

import jax
import jax.numpy as jnp


def mask(size: tuple[int, int], corner: Any, sides: Any) -> jax.Array:
  """Returns where a rectangle lies in an image, (H, W), bool.

  Args:
    size: (H, W) of the image.
    corner: First row and column, int32; may lie outside.
    sides: Rows and columns, int32.
  """
  rows = jnp.arange(size[0], dtype=jnp.int32)[:, None] - corner[0]
  columns = jnp.arange(size[1], dtype=jnp.int32)[None] - corner[1]
  inside_rows = (rows >= 0) & (rows < sides[0])
  return inside_rows & (columns >= 0) & (columns < sides[1])


def around(key: jax.Array, size: tuple[int, int], sides: Any) -> jax.Array:
  """Returns the mask of a rectangle around a random pixel, cut at the border.

  Args:
    key: The source of chance.
    size: (H, W) of the image.
    sides: Rows and columns, int32.
  """
  centre = jax.random.randint(key, (2,), 0, jnp.array(size))
  return mask(
    size, [c - s // 2 for c, s in zip(centre, sides, strict=True)], sides
  )
