"""Colours of uint8 images of one channel or three (red, green, blue).

Reference:
  Weights of the grey value: ITU-R BT.601, in the integers of Pillow.
"""

from typing import Any

import jax
import jax.numpy as jnp

from effnas import errors
from effnas.learn.imaging import lookup


def grey(image: jax.Array) -> jax.Array:
  """Returns the grey values of an image.

  Args:
    image: (H, W, 1) or (H, W, 3), uint8.

  Returns:
    (H, W, 1), int32.

  Raises:
    UserError: The image has other channels.
  """
  values = image.astype(jnp.int32)
  channels = image.shape[-1]
  if channels == 1:
    return values
  if channels != 3:
    raise errors.UserError(
      f'colours are changed in images of 1 or 3 channels; these have {channels}'
    )
  weights = jnp.array([19595, 38470, 7471], jnp.int32)[None, None]
  return (jnp.sum(values * weights, axis=-1, keepdims=True) + 2**15) >> 16


def mean(image: jax.Array) -> jax.Array:
  """Returns the mean grey value, rounded, int32."""
  values = grey(image)
  return (2 * values.sum() + values.size) // (2 * values.size)


def smooth(image: jax.Array) -> jax.Array:
  """Returns the weighted mean with the eight neighbours, int32.

  The pixel counts five times; those of the border stay as they are.

  Args:
    image: (H, W, C), uint8.
  """
  values = image.astype(jnp.int32)
  height, width, _ = image.shape
  if height < 3 or width < 3:
    return values
  three = values[:-2] + values[1:-1] + values[2:]
  nine = three[:, :-2] + three[:, 1:-1] + three[:, 2:]
  inner = (2 * (nine + 4 * values[1:-1, 1:-1]) + 13) // 26
  return values.at[1:-1, 1:-1].set(inner)


def brightness(image: jax.Array, factor: Any) -> jax.Array:
  """Returns an image between black (factor 0) and itself (1), or brighter."""
  return lookup.apply(image, lookup.towards(0, factor))


def contrast(image: jax.Array, factor: Any) -> jax.Array:
  """Returns an image between its mean grey (factor 0) and itself (1)."""
  return lookup.apply(image, lookup.towards(mean(image), factor))


def saturation(image: jax.Array, factor: Any) -> jax.Array:
  """Returns an image between its grey values (factor 0) and itself (1)."""
  return lookup.blend(image, grey(image), factor).astype(jnp.uint8)


def sharpness(image: jax.Array, factor: Any) -> jax.Array:
  """Returns an image between a smooth one (factor 0) and itself (1)."""
  return lookup.blend(image, smooth(image), factor).astype(jnp.uint8)
