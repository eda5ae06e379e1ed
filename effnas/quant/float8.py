"""Numbers of 8 bits with an exponent, e4m3 and e5m2.

Rounding is arithmetic on wider floats: a compiler may take a conversion to a
narrow dtype and back for nothing, and does not take this for nothing.

Reference:
  Micikevicius et al., 2022, FP8 Formats for Deep Learning,
  https://arxiv.org/abs/2209.05433
"""

from collections.abc import Sequence
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from effnas.quant import signs

DTYPES: dict[str, Any] = {'e4m3': jnp.float8_e4m3fn, 'e5m2': jnp.float8_e5m2}
# By format: largest number, bits of the mantissa, least exponent.
_FORMATS = {'e4m3': (448.0, 3, -6), 'e5m2': (57344.0, 2, -14)}


def nearest(x: jax.Array, name: str) -> jax.Array:
  """Rounds to the numbers of a format, ties to even; no gradient.

  Args:
    x: Floating-point numbers; those beyond the largest one become it.
    name: 'e4m3' or 'e5m2'.

  Returns:
    Numbers that the format holds exactly, in the shape and dtype of x.

  Example:
    >>> nearest(jnp.array([1.06, -3.3, 999.]), 'e4m3').tolist()
    [1.0, -3.25, 448.0]
  """
  largest, mantissa, least = _FORMATS[name]
  wide = lax.stop_gradient(x).astype(jnp.float32)
  wide = jnp.clip(wide, -largest, largest)
  _, exponent = jnp.frexp(wide)  # 2^(exponent - 1) <= |wide| < 2^exponent
  unit = jnp.maximum(exponent - 1, least) - mantissa
  steps = jnp.ldexp(wide, -unit)
  steps = lax.round(steps, lax.RoundingMethod.TO_NEAREST_EVEN)
  return jnp.ldexp(steps, unit).astype(x.dtype)


def coded(x: jax.Array, name: str, axes: Sequence[int]) -> signs.Coded:
  """Finds the codes of an array whose largest magnitude is the largest number.

  Args:
    x: Any floating-point array.
    name: 'e4m3' or 'e5m2'.
    axes: The axes that share a scale, kept at size 1.

  Returns:
    The codes; the slope is 1.

  Example:
    >>> found = coded(jnp.array([-7., 1., 0.]), 'e4m3', (0,))
    >>> found.codes.tolist(), found.scale.tolist()
    ([-448.0, 64.0, 0.0], [0.015625])
  """
  bound = jnp.abs(lax.stop_gradient(x)).max(tuple(axes), keepdims=True)
  return within(x, name, scale(bound, name))._replace(slope=1.0)


def scale(bound: jax.Array, name: str) -> jax.Array:
  """Returns the scale for magnitudes up to a bound; 0 counts as 1.

  Example:
    >>> float(scale(jnp.float32(3.5), 'e4m3'))
    0.0078125
  """
  bound = jnp.where(bound == 0, 1, bound).astype(bound.dtype)
  return bound / _FORMATS[name][0]


def within(x: jax.Array, name: str, scale: jax.Array) -> signs.Coded:
  """Finds the codes of an array under a given scale.

  Args:
    x: Any floating-point array.
    name: 'e4m3' or 'e5m2'.
    scale: Broadcasts with it.

  Returns:
    The codes; the slope is 0 beyond the largest number.

  Example:
    >>> within(jnp.array([1., 999.]), 'e4m3', jnp.ones(1)).slope.tolist()
    [1.0, 0.0]
  """
  real = lax.stop_gradient(x) / scale.astype(x.dtype)
  inside = jnp.abs(real) <= _FORMATS[name][0]
  return signs.Coded(nearest(real, name), scale, inside.astype(x.dtype))
