"""Kernels as operands, and as they are deployed.

A kernel is looked at as [G, n, *outputs]: G groups of the n weights that an
output sums; one group where a channel or the whole kernel shares a scale.
Scales of groups differ along what a product sums and cannot stand outside of
it: the values are codes * scale.
"""

from collections.abc import Sequence
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from effnas import errors
from effnas.quant import fake, float8, lsq, operands, signs


class Stored(NamedTuple):
  """A kernel as it is deployed.

  Attributes:
    kernel: Codes, in the narrowest dtype that holds them.
    scale: Shape of `scale_shape`.
    zero: The stored code of 0, uint8, in that shape; None where symmetric.
  """

  kernel: jax.Array
  scale: jax.Array
  zero: jax.Array | None


def view(
  shape: Sequence[int], outputs: int, scales: str | int, path: str
) -> tuple[int, ...]:
  """Returns the shape [G, n, *outputs] of a kernel.

  Args:
    shape: Of the kernel, [..., *outputs].
    outputs: How many of its axes are outputs.
    scales: As in `effnas.quant.rules`. A group of more weights than an output
      sums is one of all of them.
    path: Of the layer, for the error.

  Raises:
    UserError: The groups do not divide.

  Example:
    >>> view((3, 3, 8, 16), 1, 24, 'conv'), view((5, 4), 1, 'channel', 'dense')
    ((3, 24, 16), (1, 5, 4))
  """
  inner, outer = shape[: len(shape) - outputs], shape[len(shape) - outputs :]
  length = math.prod(inner)
  group = min(scales, length) if isinstance(scales, int) else length
  if group and length % group:
    fits = max(n for n in range(1, group) if length % n == 0)
    raise errors.UserError(
      f'a group divides the weights that an output sums, {length} in {path!r}; '
      f'got {scales}, take {fits} or leave the layer to a pattern'
    )
  return (length // group if group else 1, group, *outer)


def scale_shape(
  shape: Sequence[int], outputs: int, scales: str | int, path: str = ''
) -> tuple[int, ...]:
  """Returns the shape in which a kernel's scales are stored.

  Args:
    shape: As for `view`, and so are the others.
    outputs: Likewise.
    scales: Likewise.
    path: Likewise.

  Example:
    >>> [scale_shape((6, 4), 1, s) for s in ('channel', 'tensor', 3)]
    [(1, 4), (1, 1), (2, 4)]
  """
  if scales == 'tensor':
    return (1,) * len(shape)
  groups, _, *outer = view(shape, outputs, scales, path)
  if isinstance(scales, int):
    return (groups, *outer)
  return (*(1,) * (len(shape) - outputs), *outer)


def step_shape(
  shape: Sequence[int], outputs: int, scales: str | int, path: str = ''
) -> tuple[int, ...]:
  """Returns the shape of a kernel's learned steps: no axis of size 1.

  Args:
    shape: As for `view`, and so are the others.
    outputs: Likewise.
    scales: Likewise.
    path: Likewise.

  Example:
    >>> [step_shape((6, 4), 1, s) for s in ('channel', 'tensor', 3)]
    [(4,), (), (2, 4)]
  """
  if scales == 'tensor':
    return ()
  groups, _, *outer = view(shape, outputs, scales, path)
  return (groups, *outer) if groups > 1 else tuple(outer)


def initial_step(
  rule: operands.Rule, kernel: jax.Array, outputs: int, path: str
) -> jax.Array:
  """Returns the learned steps of a kernel to start from.

  Args:
    rule: Of the layer.
    kernel: [..., *outputs].
    outputs: How many of its axes are outputs.
    path: Of the layer.
  """
  scales = rule.scheme.scales
  seen = kernel.reshape(view(kernel.shape, outputs, scales, path))
  step = lsq.initial(seen, rule.weights, _shared(rule, seen))
  return step.reshape(step_shape(kernel.shape, outputs, scales, path))


def operand(
  rule: operands.Rule,
  kernel: jax.Array,
  outputs: int,
  step: jax.Array | None = None,
  path: str = '',
) -> operands.Operand:
  """Fake-quantizes a kernel.

  Args:
    rule: Of the layer.
    kernel: [..., *outputs], floating point.
    outputs: How many of its axes are outputs.
    step: Learned steps, in the shape of `step_shape`; None without.
    path: Of the layer.

  Returns:
    The operand; gradients are straight-through.

  Raises:
    UserError: The groups do not divide.
  """
  seen = kernel.reshape(view(kernel.shape, outputs, rule.scheme.scales, path))
  if step is not None:
    step = _spread(operands.positive(step), seen)
    return _operand(*lsq.codes(seen, step, rule.weights), kernel.shape)
  coded = _coded_kernel(rule, seen)
  return _operand(*operands.followed(seen, coded), kernel.shape)


def store(
  rule: operands.Rule,
  kernel: jax.Array,
  outputs: int,
  step: jax.Array | None = None,
  path: str = '',
) -> Stored:
  """Turns a kernel into what is deployed.

  Args:
    rule: As for `operand`, and so are the others.
    kernel: Likewise.
    outputs: Likewise.
    step: Likewise.
    path: Likewise.

  Returns:
    The codes that `operand` multiplies by, and their scale.

  Raises:
    UserError: The groups do not divide.
  """
  scales = rule.scheme.scales
  seen = kernel.reshape(view(kernel.shape, outputs, scales, path))
  if step is not None:
    step = _spread(operands.positive(step), seen)
    coded = signs.Coded(lsq.codes(seen, step, rule.weights)[0], step)
  else:
    coded = _coded_kernel(rule, seen)
  codes, zero = coded.codes, None
  stored_shape = scale_shape(kernel.shape, outputs, scales, path)
  if coded.low is not None and rule.scheme.asymmetric('weights'):
    codes = codes - coded.low
    zero = (-coded.low).astype(jnp.uint8).reshape(stored_shape)
  dtype = dtype_of(rule)
  # Of two codes the upper one is True.
  codes = codes > (zero is not None) / 2 if dtype == jnp.bool_ else codes
  return Stored(
    codes.astype(dtype).reshape(kernel.shape),
    coded.scale.reshape(stored_shape),
    zero,
  )


def stored_operand(
  rule: operands.Rule, stored: Stored, outputs: int, dtype: Any, path: str = ''
) -> operands.Operand:
  """Gives the operand of a deployed kernel.

  Args:
    rule: Of the layer.
    stored: What `store` gave.
    outputs: How many of the kernel's axes are outputs.
    dtype: Of the inputs.
    path: Of the layer.

  Returns:
    The operand that `operand` gave, to the bit.
  """
  kernel, scale, zero = stored
  seen = kernel.reshape(view(kernel.shape, outputs, rule.scheme.scales, path))
  codes = seen.astype(dtype)
  if zero is not None:
    codes = codes - _spread(zero, seen).astype(dtype)
  elif kernel.dtype == jnp.bool_:
    one = 1 if rule.scheme.weights == 'binary' else 0.5
    codes = jnp.where(seen, one, -one).astype(dtype)
  return _operand(codes, _spread(scale, seen).astype(dtype), kernel.shape)


def dtype_of(rule: operands.Rule) -> Any:
  """Returns the narrowest dtype that holds a rule's kernels.

  Example:
    >>> from effnas import quant
    >>> [dtype_of(quant.rules(w)[0]).__name__ for w in (8, 3, 'ternary', 1)]
    ['int8', 'int4', 'int2', 'bool']
  """
  if rule.scheme.weights in float8.DTYPES:
    return float8.DTYPES[rule.scheme.weights]
  if rule.weights == 1:
    return jnp.bool_
  unsigned = rule.scheme.asymmetric('weights')
  if rule.weights == 2:
    return jnp.uint2 if unsigned else jnp.int2
  if rule.weights <= 4:
    return jnp.uint4 if unsigned else jnp.int4
  return jnp.uint8 if unsigned else jnp.int8


def _coded_kernel(rule, seen):
  codes, axes = rule.scheme.weights, _shared(rule, seen)
  if codes == 'ternary':
    return signs.ternary(seen, axes)
  if codes == 'binary':
    return signs.binary(seen, axes)
  if codes != 'integer':
    return float8.coded(seen, codes, axes)
  asymmetric = rule.scheme.asymmetric('weights')
  grid = operands.own_grid(seen, axes, rule.weights, asymmetric)
  return fake.coded(seen, grid, clip_gradient=False)


def _shared(rule, seen):
  if rule.scheme.scales == 'tensor':
    return tuple(range(seen.ndim))
  return (1,)


def _operand(codes, scale, shape):
  """An operand of a kernel, from a view of it."""
  if codes.shape[0] > 1 and scale.size > 1:
    return operands.Operand((codes * scale).reshape(shape), None)
  outer = () if scale.size == 1 else codes.shape[2:]
  return operands.Operand(codes.reshape(shape), scale.reshape(outer))


def _spread(scale, seen):
  """Scales in a stored shape, as they broadcast with the view."""
  if scale.size == 1:
    return scale.reshape((1,) * seen.ndim)
  return scale.reshape(seen.shape[0], 1, *seen.shape[2:])
