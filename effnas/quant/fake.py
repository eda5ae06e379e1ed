"""Fake quantization whose number of bits may be a traced value.

AQT's number of bits is static: a program for each. Here it may be an array, so
that candidates which differ only in bits share one compiled step. Symmetric
codes and scales are AQT's, to the bit, at every width from 1 to 8: the largest
magnitude stands on the far edge of the last of 2^bits - 1 buckets (of two
buckets, without a code at zero, where bits is 1). One thing is not AQT's: zeros
alone are zeros at one bit too, as their step has size 0; they can learn, as
their gradients pass as they are.

A number is checked; a traced one above 8 counts as 8, but for 32, which leaves
values as they are.

Gradients are straight-through. A scale that comes from the array itself clips
nothing, and `dynamic` passes every gradient, as AQT does by default. Under a
given scale `quantize` passes those of values between the last codes, as AQT
does with its `clip_gradient`. Scales get no gradient (see `effnas.quant.lsq`).

Reference:
  Bengio et al., 2013, https://arxiv.org/abs/1308.3432 (straight-through);
  Nagel et al., 2021, A White Paper on Neural Network Quantization,
  https://arxiv.org/abs/2106.08295 (asymmetric grids)
"""

from collections.abc import Callable, Sequence
import math
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.quant import signs

Bits = int | jax.Array
_BITS = range(1, 9)
_FLOAT = 32  # As in `effnas.quant.FLOAT`.


class Grid(NamedTuple):
  """The values that quantized numbers take: code * scale.

  Attributes:
    scale: Real size of a step; broadcasts with the array.
    low: Smallest code. An asymmetric grid stores code - low, which is 0 to
      2^bits - 1; its zero point is -low.
    high: Largest code.
    exact: Whether numbers pass as they are (32 bits).
  """

  scale: jax.Array
  low: jax.Array
  high: jax.Array
  exact: jax.Array


def symmetric(bound: jax.Array, bits: Bits) -> Grid:
  """Returns AQT's grid for magnitudes up to a bound.

  Args:
    bound: Any shape; 0 counts as 1 but for one bit.
    bits: 1 to 8, or 32; a number, or integers that broadcast with `bound`.

  Returns:
    A grid with codes within +-(2^(bits - 1) - 1); -1/2 and 1/2 for one bit,
    whose scale is 0 where the bound is: neither code stands for 0.

  Raises:
    UserError: A number of bits that is not supported.

  Example:
    >>> grid = symmetric(jnp.float32(15), 4)
    >>> float(grid.scale), float(grid.low), float(grid.high)
    (2.0, -7.0, 7.0)
  """
  bound = jnp.asarray(bound)
  half, one = _power(bits, -1, bound.dtype), _is(bits, 1)
  high = jnp.where(one, 0.5, half - 1).astype(bound.dtype)
  edge = jnp.where(one, 1, half - 0.5).astype(bound.dtype)
  least = jnp.where(one, 0, 1).astype(bound.dtype)
  scale = jnp.where(bound == 0, least, bound) / edge
  return Grid(scale, -high, high, _is(bits, _FLOAT))


def asymmetric(low: jax.Array, high: jax.Array, bits: Bits) -> Grid:
  """Returns the grid of 2^bits codes for a range, 0 among its values.

  Args:
    low: Smallest value, any shape; above 0 counts as 0.
    high: Largest value, of that shape; below 0 counts as 0.
    bits: 1 to 8, or 32; a number, or integers that broadcast with `low`.

  Returns:
    A grid from about `low` to about `high`, at most half a step off.

  Raises:
    UserError: A number of bits that is not supported.

  Example:
    >>> grid = asymmetric(jnp.float32(-1), jnp.float32(6.5), 4)
    >>> float(grid.scale), float(grid.low), float(grid.high)
    (0.5, -2.0, 13.0)
  """
  low, high = jnp.minimum(low, 0), jnp.maximum(high, 0)
  steps = _power(bits, 0, low.dtype) - 1
  width = high - low
  scale = jnp.where(width == 0, 1, width).astype(low.dtype) / steps
  least = lax.round(low / scale, lax.RoundingMethod.TO_NEAREST_EVEN)
  return Grid(scale, least, least + steps, _is(bits, _FLOAT))


def covering(
  low: jax.Array, high: jax.Array, bits: Bits, zero_point: bool = False
) -> Grid:
  """Returns a grid for a range, as the observers find one.

  Args:
    low: Smallest value, any shape.
    high: Largest value, of that shape.
    bits: 1 to 8, or 32.
    zero_point: Whether the grid is `asymmetric`; else it is the symmetric one
      up to the larger magnitude.

  Returns:
    The grid.

  Example:
    >>> low, high = jnp.float32(-1), jnp.float32(7.5)
    >>> [float(covering(low, high, 4, z).scale) for z in (False, True)]
    [1.0, 0.5666...]
  """
  if zero_point:
    return asymmetric(low, high, bits)
  return symmetric(jnp.maximum(jnp.abs(low), jnp.abs(high)), bits)


def codes(x: jax.Array, grid: Grid) -> jax.Array:
  """Rounds to the nearest codes of a grid, in the dtype of x, no gradient.

  Args:
    x: Any floating-point array.
    grid: A grid that broadcasts with it, not of 32 bits.

  Returns:
    Codes within [grid.low, grid.high]; x is about codes * grid.scale.

  Example:
    >>> codes(jnp.array([-40., 0., 5.]), symmetric(jnp.float32(15), 4)).tolist()
    [-7.0, 0.0, 2.0]
  """
  within = jnp.clip(_over(lax.stop_gradient(x), grid), grid.low, grid.high)
  return jnp.where(
    grid.high == 0.5,  # One bit: two codes, and none at zero.
    jnp.floor(within) + 0.5,
    lax.round(within, lax.RoundingMethod.TO_NEAREST_EVEN),
  ).astype(x.dtype)


def coded(x: jax.Array, grid: Grid, clip_gradient: bool = True) -> signs.Coded:
  """Finds the codes of x on a grid, and how values follow x.

  Args:
    x: Any floating-point array.
    grid: A grid that broadcasts with it, not of 32 bits.
    clip_gradient: Whether the slope is 0 beyond the last codes; else it is 1.

  Returns:
    The codes.

  Example:
    >>> grid = symmetric(jnp.float32(15), 4)
    >>> coded(jnp.array([-40., 5.]), grid).slope.tolist()
    [0.0, 1.0]
  """
  found = signs.Coded(codes(x, grid), grid.scale, low=grid.low)
  if not clip_gradient:
    return found
  real = _over(lax.stop_gradient(x), grid)
  inside = (grid.low <= real) & (real <= grid.high)
  return found._replace(slope=inside.astype(x.dtype))


def quantize(x: jax.Array, grid: Grid, clip_gradient: bool = True) -> jax.Array:
  """Moves x to the nearest values of a grid, straight-through.

  Args:
    x: Any floating-point array.
    grid: A grid that broadcasts with it; gets no gradient.
    clip_gradient: Whether values beyond the last codes get none either.

  Returns:
    codes * scale, in the shape and dtype of x.

  Example:
    >>> grid = symmetric(jnp.float32(15), 4)
    >>> quantize(jnp.array([-40., 0., 5.]), grid).tolist()
    [-14.0, 0.0, 4.0]
    >>> jax.grad(lambda x: quantize(x, grid).sum())(jnp.array([20., 5.]))
    Array([0., 1.], dtype=float32)
  """
  value = codes(x, grid) * grid.scale
  value = jnp.where(grid.exact, x, value).astype(x.dtype)
  if not clip_gradient:
    return straight_through(x, value, jnp.ones((), x.dtype))
  real = _over(x, grid)
  inside = (grid.low <= real) & (real <= grid.high)
  return straight_through(x, value, (grid.exact | inside).astype(x.dtype))


def dynamic(
  x: jax.Array,
  bits: Bits,
  axes: Sequence[int] | None = None,
  group: int = 0,
  zero_point: bool = False,
) -> jax.Array:
  """Fake-quantizes x within its own range, straight-through.

  Args:
    x: Any floating-point array.
    bits: 1 to 8, or 32, which changes nothing; a number or a traced integer.
    axes: The axes along which values share a scale. All of them is a scale per
      tensor, all but the last one per output channel of a kernel.
    group: So many consecutive values along `axes` (in the order of memory)
      share a scale; 0 shares it among all.
    zero_point: Whether the grid is `asymmetric`.

  Returns:
    The quantized values, in the shape and dtype of x.

  Raises:
    UserError: Bits that are not supported, or groups that do not divide.

  Example:
    >>> dynamic(jnp.array([[1.5, .2], [15., 4.]]), 4, axes=(1,)).tolist()
    [[1.4000..., 0.2000...], [14.0, 4.0]]
  """
  axes = _all_or(axes, x)
  if group:
    return by_group(
      lambda x, axes: dynamic(x, bits, axes, zero_point=zero_point),
      x,
      axes,
      group,
    )
  still = lax.stop_gradient(x)
  low, high = (f(still, axes, keepdims=True) for f in (jnp.min, jnp.max))
  grid = covering(low, high, bits, zero_point)
  return quantize(x, grid, clip_gradient=False)


def ternary(x: jax.Array, axes: Sequence[int] | None = None) -> jax.Array:
  """Makes weights -a, 0 or a; gradients pass as they are.

  Args:
    x: Weights.
    axes: The axes that share the magnitude a; all of them where None.

  Returns:
    Values of the same shape: 0 up to .7 of the mean magnitude, beyond it the
    sign times a, which is the mean magnitude there.

  Reference:
    Li and Liu, 2016, Ternary Weight Networks,
    https://arxiv.org/abs/1605.04711

  Example:
    >>> ternary(jnp.array([-3., .5, 1., 5.])).tolist()
    [-4.0, 0.0, 0.0, 4.0]
  """
  return _of_codes(x, signs.ternary(x, _all_or(axes, x)))


def binary(x: jax.Array, axes: Sequence[int] | None = None) -> jax.Array:
  """Makes weights -a or a, where a is their mean magnitude (XNOR-Net).

  The gradient of a weight w, one of n that share a, is the result's times
  1 / n + a * (|w| <= 1), the paper's formula.

  Args:
    x: Weights.
    axes: The axes that share the magnitude a; all of them where None.

  Returns:
    The sign times a, in the shape of x; the sign of 0 is 1.

  Reference:
    Rastegari et al., 2016, XNOR-Net, https://arxiv.org/abs/1603.05279

  Example:
    >>> binary(jnp.array([-3., .5, 1., 5.])).tolist()
    [-2.375, 2.375, 2.375, 2.375]
  """
  return _of_codes(x, signs.binary(x, _all_or(axes, x)))


def by_group(
  quantizer: Callable[[jax.Array, Sequence[int]], jax.Array],
  x: jax.Array,
  axes: Sequence[int],
  group: int,
) -> jax.Array:
  """Quantizes consecutive values together, with any quantizer of (x, axes).

  Args:
    quantizer: For instance `ternary`.
    x: Any array.
    axes: The axes that are cut into groups, as one axis in their order; each
      place along the others has groups of its own.
    group: Values of a group; divides their number along `axes`.

  Returns:
    The quantized array, in the shape of x.

  Raises:
    UserError: The groups do not divide.

  Example:
    >>> by_group(binary, jnp.array([1., -3., 5., 5.]), (0,), 2).tolist()
    [2.0, -2.0, 5.0, 5.0]
  """
  axes = _all_or(axes, x)
  length = math.prod(x.shape[axis] for axis in axes)
  if group < 1 or length % group:
    raise errors.UserError(
      f'a group divides the {length} values that share a scale; got {group}'
    )
  front = tuple(range(len(axes)))
  moved = jnp.moveaxis(x, axes, front)
  cut = moved.reshape(length // group, group, *moved.shape[len(axes) :])
  out = quantizer(cut, (1,)).reshape(moved.shape)
  return jnp.moveaxis(out, front, axes)


@jax.custom_jvp
def straight_through(
  x: jax.Array, value: jax.Array, slope: jax.Array
) -> jax.Array:
  """Gives the value, and the gradient of slope * x.

  Args:
    x: What the gradient goes to.
    value: In the shape and dtype of x.
    slope: In that dtype; broadcasts with x.

  Example:
    >>> f = lambda x: straight_through(x, jnp.round(x), jnp.float32(3))
    >>> [float(y) for y in jax.value_and_grad(f)(1.2)]
    [1.0, 3.0]
  """
  del x, slope
  return value


@straight_through.defjvp
def _straight_through_jvp(primals, tangents):
  _, value, slope = primals
  return value, jnp.broadcast_to(slope * tangents[0], value.shape)


def _of_codes(x, coded):
  value = (coded.codes * coded.scale).astype(x.dtype)
  return straight_through(x, value, jnp.asarray(coded.slope, x.dtype))


def _over(x, grid):
  """Divides by the scale as AQT: times the reciprocal, 1 where infinite."""
  inverse = lax.reciprocal(grid.scale)
  return x * jnp.where(jnp.isinf(inverse), 1, inverse).astype(x.dtype)


def _power(bits, less, dtype):
  """2^(bits + less), exact; that of 32 bits is never used."""
  known = isinstance(bits, int | np.integer)
  if known and bits not in (*_BITS, _FLOAT):
    raise errors.UserError(
      f'bits are 1 to 8, or {_FLOAT} for float; got {bits!r}'
    )
  small = jnp.minimum(jnp.asarray(bits, jnp.int32), _BITS[-1])
  return jnp.left_shift(1, small + less).astype(dtype)


def _is(bits, number):
  return jnp.asarray(bits, jnp.int32) == number


def _all_or(axes, x):
  axes = range(x.ndim) if axes is None else axes
  return tuple(sorted(axis % x.ndim for axis in axes))
