"""The operations that policies choose from, one for each image of a batch.

All of them are one affine map, one table of values and one blend with another
image, so that a batch in which each image has another operation costs one pass
of each and not a pass for each operation.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from effnas.learn.imaging import colour, lookup, warp

NAMES = (
  'identity',
  'shear_x',
  'shear_y',
  'translate_x',
  'translate_y',
  'rotate',
  'brightness',
  'saturation',
  'contrast',
  'sharpness',
  'posterize',
  'solarize',
  'autocontrast',
  'equalize',
  'invert',
)
GREY = 128.0


def amounts(
  strength: jax.Array,
  sign: jax.Array,
  *,
  factor: jax.Array,
  shear: float,
  translate: tuple[float, float],
  rotate: float,
  bits: int,
) -> Mapping[str, jax.Array]:
  """Returns how much each operation does at a strength.

  Args:
    strength: From 0 (nothing) to 1, any shape.
    sign: -1 or 1, likewise.
    factor: Of brightness, saturation, contrast and sharpness, likewise.
    shear: Pixels per pixel, at the most.
    translate: Pixels down and to the right, at the most.
    rotate: Degrees, at the most.
    bits: That are kept of 8, at the least.
  """
  signed = strength * sign
  enhanced = ('brightness', 'saturation', 'contrast', 'sharpness')
  return {
    'shear_x': shear * signed,
    'shear_y': shear * signed,
    'translate_x': jnp.round(translate[1] * signed),
    'translate_y': jnp.round(translate[0] * signed),
    'rotate': rotate * signed,
    **dict.fromkeys(enhanced, factor),
    'posterize': 8 - jnp.round((8 - bits) * strength),
    'solarize': jnp.round(256 * (1 - strength)),
  }


def chosen(codes: jax.Array, by_name: Mapping[str, jax.Array]) -> jax.Array:
  """Returns the amounts of chosen operations, 0 where one has none.

  Args:
    codes: Places in `NAMES`, any shape.
    by_name: From `amounts`, of this shape.
  """
  found = jnp.zeros(codes.shape, jnp.float32)
  for name, amount in by_name.items():
    found = jnp.where(codes == NAMES.index(name), amount, found)
  return found


def apply(
  images: jax.Array, codes: jax.Array, amounts: jax.Array, fill: float = GREY
) -> jax.Array:
  """Applies one operation after another to each image.

  Args:
    images: (N, H, W, C) with one channel or three, uint8.
    codes: (steps, N), places in `NAMES`.
    amounts: (steps, N): pixels per pixel for a shear (about the upper left
      corner), pixels for a translation, degrees for a rotation, a factor for
      brightness, saturation, contrast and sharpness, bits that are kept for
      posterize and a threshold for solarize.
    fill: Value of what comes from outside of the image.

  Returns:
    (N, H, W, C), uint8.
  """

  def step(images, chosen):
    code, amount = chosen
    return jax.vmap(_one, (0, 0, 0, None))(images, code, amount, fill), None

  return jax.lax.scan(step, images, (codes, amounts))[0]


def _one(
  image: jax.Array, code: jax.Array, amount: jax.Array, fill: Any
) -> jax.Array:
  def when(name, otherwise, value=amount):
    return jnp.where(code == NAMES.index(name), value, otherwise)

  counts = lookup.histogram(image)
  table = jnp.broadcast_to(lookup.levels(), counts.shape)
  for name, other in {
    'brightness': lookup.towards(0, amount),
    'contrast': lookup.towards(colour.mean(image), amount),
    'posterize': lookup.posterize(amount),
    'solarize': lookup.solarize(amount),
    'autocontrast': lookup.autocontrast(counts),
    'equalize': lookup.equalize(counts),
    'invert': lookup.invert(),
  }.items():
    table = when(name, table, other)
  other = when('saturation', colour.smooth(image), colour.grey(image))
  factor = when('saturation', when('sharpness', 1.0))
  blended = lookup.blend(image, other, factor).astype(jnp.uint8)
  height, width, _ = image.shape
  across, down = when('shear_x', 0.0), when('shear_y', 0.0)
  turned = warp.rotation(when('rotate', 0.0))
  # A shear about the corner is one about the centre, and a move.
  move_down = down * (width / 2) - when('translate_y', 0.0)
  move_right = across * (height / 2) - when('translate_x', 0.0)
  rest = warp.matrix([[0, down, move_down], [across, 0, move_right]])
  return warp.apply(lookup.apply(blended, table), turned + rest, fill=fill)


def share_of(share: float, images: jax.Array) -> tuple[float, float]:
  """Returns a share of the height and of the width of images, in pixels."""
  return share * images.shape[1], share * images.shape[2]
