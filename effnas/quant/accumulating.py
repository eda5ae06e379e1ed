"""Products of integer codes whose sums do not leave int32.

A sum of K products of codes of a and b bits may reach K * 2^(a + b - 2): at 8
bits, int32 holds some 131,000 of them. Longer ones are summed in parts, whose
sums are added in floating point.
"""

import math

import jax
from jax import lax
import jax.numpy as jnp


def longest(weights: int, activations: int) -> int:
  """Returns how many products of codes an int32 can hold whatever they are.

  Args:
    weights: Bits of one side.
    activations: Bits of the other.

  Example:
    >>> longest(8, 8), longest(4, 8)
    (131071, 2097151)
  """
  return (2**31 - 1) // 2 ** (weights + activations - 2)


def length(x: jax.Array, dimension_numbers: lax.DotDimensionNumbers) -> int:
  """Returns how many products each result sums.

  Args:
    x: The left operand.
    dimension_numbers: As in `lax.dot_general`.
  """
  (contracted, _), _ = dimension_numbers
  return math.prod(x.shape[axis] for axis in contracted)


def dot(
  x: jax.Array,
  kernel: jax.Array,
  dimension_numbers: lax.DotDimensionNumbers,
  bits: tuple[int, int],
  dtype: jnp.dtype,
) -> jax.Array:
  """Multiplies integer codes.

  Args:
    x: Codes, of any dtype.
    kernel: Codes, of any dtype.
    dimension_numbers: As in `lax.dot_general`, without batch axes.
    bits: Of both.
    dtype: Of the result, a floating-point one.

  Returns:
    The product: the integer that it is, as the dtype holds it.

  Example:
    >>> ones = jnp.full(200_000, 127, jnp.int8)
    >>> found = dot(ones, ones, (((0,), (0,)), ((), ())), (8, 8), jnp.float32)
    >>> round(float(found) / 127**2)
    200000
  """

  def part(x, kernel):
    return lax.dot_general(
      x, kernel, dimension_numbers, preferred_element_type=jnp.int32
    ).astype(dtype)

  x, kernel = x.astype(jnp.int8), kernel.astype(jnp.int8)
  most, whole = longest(*bits), length(x, dimension_numbers)
  if whole <= most:
    return part(x, kernel)
  (left, right), _ = dimension_numbers
  axis, other = max(
    zip(left, right, strict=True), key=lambda pair: x.shape[pair[0]]
  )
  side = x.shape[axis]
  step = max(1, most * side // whole)
  return sum(
    part(
      lax.slice_in_dim(x, start, min(start + step, side), axis=axis),
      lax.slice_in_dim(kernel, start, min(start + step, side), axis=other),
    )
    for start in range(0, side, step)
  )
