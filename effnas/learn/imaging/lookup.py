"""Tables from the 256 values of a channel to new ones, and their use.

A table is (256, C) or, where all channels are alike, (256, 1), int32.

Reference:
  The operations are those of Pillow's `ImageOps` and `ImageEnhance`, which the
  policies of AutoAugment were defined with (https://pillow.readthedocs.io).
"""

from typing import Any

import jax
import jax.numpy as jnp


def levels() -> jax.Array:
  """Returns the table that changes nothing."""
  return jnp.arange(256, dtype=jnp.int32)[:, None]


def apply(image: jax.Array, table: jax.Array) -> jax.Array:
  """Returns an image of new values.

  Args:
    image: (H, W, C), uint8.
    table: (256, C) or (256, 1).

  Example:
    >>> image = jnp.array([[[3], [250]]], jnp.uint8)
    >>> apply(image, invert())[0, :, 0]
    Array([252,   5], dtype=uint8)
  """
  table = jnp.broadcast_to(table, (256, image.shape[-1])).astype(jnp.uint8)
  places = image.reshape(-1, image.shape[-1]).astype(jnp.int32)
  found = jnp.take_along_axis(table, places, axis=0, mode='promise_in_bounds')
  return found.reshape(image.shape)


def histogram(image: jax.Array) -> jax.Array:
  """Returns how often each channel of an image has each value, (256, C)."""
  channels = image.shape[-1]
  values = image.reshape(-1, channels).astype(jnp.int32)
  zeros = jnp.zeros((256, channels), jnp.int32)
  return zeros.at[values, jnp.arange(channels)[None]].add(1)


def invert() -> jax.Array:
  """Returns the table of the negative."""
  return 255 - levels()


def posterize(bits: Any) -> jax.Array:
  """Returns the table that keeps the highest 0 to 8 bits."""
  return levels() & (255 << (8 - jnp.asarray(bits, jnp.int32)))


def solarize(threshold: Any) -> jax.Array:
  """Returns the table of the negative from a threshold on; 256 is none."""
  below = levels() < jnp.asarray(threshold).astype(jnp.int32)
  return jnp.where(below, levels(), invert())


def towards(degenerate: Any, factor: Any) -> jax.Array:
  """Returns the table that is flat at factor 0 and changes nothing at 1.

  Args:
    degenerate: The value of all pixels at 0: black for brightness, the mean for
      contrast.
    factor: From 0; more than 1 exaggerates.
  """
  return blend(levels(), degenerate, factor)


def blend(values: jax.Array, degenerate: Any, factor: Any) -> jax.Array:
  """Returns values from 0 to 255 between two images, rounded down, int32.

  Args:
    values: Integers, the result at factor 1.
    degenerate: Integers, the result at factor 0.
    factor: From 0; more than 1 exaggerates.
  """
  start = jnp.asarray(degenerate, jnp.float32)
  factor = jnp.asarray(factor, jnp.float32)
  found = start + factor * (values.astype(jnp.float32) - start)
  return jnp.clip(found, 0, 255).astype(jnp.int32)


def autocontrast(counts: jax.Array) -> jax.Array:
  """Returns the table that spreads each channel over all values.

  Args:
    counts: `histogram` of the image.
  """
  low = jnp.argmax(counts > 0, axis=0)[None].astype(jnp.int32)
  high = 255 - jnp.argmax(counts[::-1] > 0, axis=0)[None].astype(jnp.int32)
  spread = (levels() - low) * 255 // jnp.maximum(high - low, 1)
  return jnp.where(high > low, jnp.clip(spread, 0, 255), levels())


def equalize(counts: jax.Array) -> jax.Array:
  """Returns the table that makes each channel's values about equally frequent.

  Args:
    counts: `histogram` of the image.
  """
  highest = 255 - jnp.argmax(counts[::-1] > 0, axis=0)[None]
  last = jnp.take_along_axis(counts, highest, axis=0)
  total = counts.sum(axis=0, keepdims=True)
  step = (total - last) // 255
  below = jnp.cumsum(counts, axis=0) - counts
  table = (step // 2 + below) // jnp.maximum(step, 1)
  return jnp.where(step > 0, jnp.minimum(table, 255), levels())
