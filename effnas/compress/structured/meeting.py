"""Operations that treat each position by itself, or reduce some axes."""

from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np

from effnas.compress.structured import axes as axes_lib

Axes = axes_lib.Axes

# f(0) = 0, so that units that are zero stay so.
_ODD = frozenset({
  'abs', 'asin', 'asinh', 'atan', 'atanh', 'cbrt', 'ceil', 'conj',
  'convert_element_type', 'copy', 'copy_p', 'erf', 'expm1', 'floor',
  'integer_pow', 'log1p', 'neg', 'optimization_barrier', 'real',
  'reduce_precision', 'round', 'sign', 'sin', 'sinh', 'sqrt', 'square',
  'stop_gradient', 'tan', 'tanh',
})  # fmt: skip
# f(0, 0) = 0.
_SUMS = frozenset({'add', 'add_any', 'sub', 'max', 'min', 'or', 'xor', 'rem'})
_OTHERS = frozenset({
  'acos', 'acosh', 'and', 'atan2', 'clamp', 'cos', 'cosh', 'digamma', 'div',
  'eq', 'erf_inv', 'erfc', 'exp', 'exp2', 'ge', 'gt', 'is_finite', 'le',
  'lgamma', 'log', 'log2', 'logistic', 'lt', 'mul', 'ne', 'nextafter', 'not',
  'one_minus_square', 'polynomial', 'pow', 'rsqrt', 'select_n', 'shift_left',
  'shift_right_arithmetic', 'shift_right_logical',
})  # fmt: skip
ELEMENTWISE = _ODD | _SUMS | _OTHERS
# Signs of constants that leave a zero as it is.
_BOUNDS = {'max': (-1, -1), 'min': (1, 1), 'clamp': (-1, 0, 1)}
REDUCTIONS = frozenset({
  'argmax', 'argmin', 'reduce_and', 'reduce_max', 'reduce_min', 'reduce_or',
  'reduce_prod', 'reduce_sum', 'reduce_xor',
})  # fmt: skip
ALONG = frozenset({
  'cumlogsumexp', 'cummax', 'cummin', 'cumprod', 'cumsum', 'rev', 'sort',
})  # fmt: skip
WINDOWS = frozenset({
  'reduce_window', 'reduce_window_max', 'reduce_window_min',
  'reduce_window_sum',
})  # fmt: skip


def elementwise(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Lets the units of equal positions be one."""
  shape = tuple(eqn.outvars[0].aval.shape)
  name = eqn.primitive.name
  whole = [_stretched(x, shape) for x in ins if x.shape]
  same = name == 'convert_element_type'
  return dataclasses.replace(
    meet(walk, whole, shape),
    zero=_zero(name, eqn, ins),
    value=ins[0].value if same else None,
  )


def meet(
  walk: Any,
  ins: Sequence[Axes],
  shape: Sequence[int],
  without: int | None = None,
) -> Axes:
  """Joins the units of arrays position by position.

  Args:
    walk: The walk.
    ins: Arrays of one shape.
    shape: Of the result.
    without: An axis to leave out; its units are in no key of the result.

  Returns:
    Their common axes.
  """
  shape = tuple(shape)
  keys = {key for x in ins for key in x.units}
  for key in sorted(keys, key=len, reverse=True):
    if len(key) > 1 and not all(_agrees(x, key) for x in ins):
      ins = [axes_lib.heads(walk.atoms, x, *key) for x in ins]
  units: dict[axes_lib.Key, np.ndarray] = {}
  for key in sorted({key for x in ins for key in x.units}):
    if without in key:
      continue
    held = [x.units[key] for x in ins if key in x.units]
    for other in held[1:]:
      walk.atoms.join(held[0], other)
    if not all(key in x.units or _free(x, key) for x in ins):
      walk.pin(held[:1], 'meets an array that cannot be cut')
    units[key] = held[0]
  free = frozenset(
    axis for axis in range(len(shape)) if all(x.is_free(axis) for x in ins)
  )
  return Axes(shape, units, free, all(x.zero for x in ins))


def _stretched(x, shape):
  """Repeats along axes of length 1, which operations do by themselves."""
  grown = [a for a, n in enumerate(shape) if x.shape[a] != n]
  return dataclasses.replace(x, shape=shape, free=x.free.union(grown))


def _agrees(x, key):
  return key in x.units or _free(x, key)


def _free(x, key):
  return all(x.is_free(axis) for axis in key)


def _zero(name, eqn, ins):
  """Whether the result is zero where the units' parameters are."""
  values = [x.value for x in ins]
  zeros = [x.zero or x.value == 0 for x in ins]
  if name in _BOUNDS:
    return any(x.zero for x in ins) and all(
      zero or (value is not None and value * sign >= 0 and sign != 0)
      for zero, value, sign in zip(zeros, values, _BOUNDS[name], strict=True)
    )
  if name in ('mul', 'and'):
    return any(zeros)
  if name == 'div':
    return zeros[0] and not zeros[1]
  if name == 'select_n':
    return all(zeros[1:])
  if name in ('pow', 'integer_pow'):
    power = eqn.params['y'] if name == 'integer_pow' else values[1] or 0
    return zeros[0] and power > 0
  return all(zeros) if name in _SUMS else name in _ODD and zeros[0]


def reduction(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Drops the reduced axes; a sum over units themselves is not followed."""
  return dropped(walk, ins[0], eqn.params['axes'], eqn.primitive.name)


def dropped(
  walk: Any, x: Axes, gone: Sequence[int], name: str, zero: bool = True
) -> Axes:
  """Takes axes away.

  Args:
    walk: The walk.
    x: The array.
    gone: Axes.
    name: What takes them away.
    zero: Whether zeros stay zeros.
  """
  for key in tuple(x.units):
    left = [axis for axis in key if axis not in gone]
    if not left:
      walk.pin([x.units[key]], f'{name} over it')
      x = dataclasses.replace(
        x, units={k: v for k, v in x.units.items() if k != key}
      )
    elif len(left) < len(key):
      x = axes_lib.collapse(walk.atoms, x, key, left)
  rest = [axis for axis in range(len(x.shape)) if axis not in gone]
  to = {axis: i for i, axis in enumerate(rest)}
  out = axes_lib.moved(x, to, [x.shape[axis] for axis in rest])
  plain = name not in ('argmax', 'argmin')
  return dataclasses.replace(out, zero=out.zero and plain and zero)


def along(walk: Any, eqn: Any, ins: Sequence[Axes]) -> list[Axes]:
  """Follows what mixes or orders the positions of one axis."""
  params = eqn.params
  if eqn.primitive.name == 'rev':
    mixed = tuple(params['dimensions'])
  else:
    mixed = (params['axis' if 'axis' in params else 'dimension'],)
  outs = []
  for given in ins:
    x = axes_lib.heads(walk.atoms, given, *mixed)
    for axis in mixed:
      key = x.key(axis)
      if key:
        walk.pin([x.units[key]], f'{eqn.primitive.name} along it')
    outs.append(x)
  return outs


def window(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Follows pooling; units are not pooled."""
  params, x = eqn.params, axes_lib.heads(walk.atoms, ins[0])
  sizes = params['window_dimensions']
  strides = params.get('window_strides') or (1,) * len(sizes)
  shape = tuple(eqn.outvars[0].aval.shape)
  for axis, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
    if x.key(axis) and (size, stride) != (1, 1):
      x = stuck(walk, x, axis, shape[axis], f'{eqn.primitive.name} over it')
  return dataclasses.replace(x, shape=shape)


def stuck(walk: Any, x: Axes, axis: int, length: int, why: str) -> Axes:
  """Pins the units of an axis; what is made of them cannot be cut either.

  Args:
    walk: The walk.
    x: An array of no spread units.
    axis: An axis with units.
    length: Of the axis afterwards.
    why: The reason.

  Returns:
    The array with that length, and units of its own that are pinned there.
  """
  walk.pin([x.units[axis,]], why)
  made = walk.atoms.new(length)
  walk.pin([made], why)
  shape = list(x.shape)
  shape[axis] = length
  units = {**x.units, (axis,): made}
  return dataclasses.replace(x, shape=tuple(shape), units=units)


def normalise(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Follows layer normalisation, for which cut channels have to be zeros."""
  x = axes_lib.heads(walk.atoms, ins[0])
  walk.normalised[eqn.params['path']] = x
  last = len(x.shape) - 1
  if x.key(last) and not x.zero:
    walk.pin([x.units[last,]], 'layer normalisation of what a mask leaves')
  return dataclasses.replace(x, zero=False, value=None)
