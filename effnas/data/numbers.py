"""The numbers of a set in the types that are used: what does not fit is said.

Values are checked against the type that they become, so that nothing wraps or
overflows between the check and the network.
"""

import dataclasses
from typing import Any

import numpy as np

from effnas import errors
from effnas.data import dataset

_WHOLE = np.iinfo(np.int32).max
# What may stand unread behind a part's x, see `stream.Rows`.
_TYPES = {
  'image': (np.uint8, np.float32),
  'vector': (np.float32,),
  'tokens': (np.int32,),
}


def checked(name: str, raw: dataset.Raw) -> dataset.Raw:
  """Returns what a set loaded, its numbers in the types of `dataset.Split`.

  Args:
    name: Name of the set.
    raw: What its file returned.

  Raises:
    UserError: Numbers are of a wrong kind or range, or parts do not agree.
  """
  what = f'data set {name!r}'
  if raw.kind not in _TYPES:
    raise errors.unknown('kind of data set', raw.kind, _TYPES)
  if type(raw.classes) is not int or not 0 < raw.classes <= _WHOLE + 1:
    raise errors.UserError(
      f'{what}: classes must be a number from 1, got {raw.classes!r}'
    )
  train = _part(what, raw, raw.train)
  if raw.test is None:
    return dataclasses.replace(raw, train=train)
  test = _part(what, raw, raw.test)
  told = [
    f'{part.x.dtype} {part.x.shape[1:]} with labels {part.y.shape[1:]}'
    for part in (train, test)
  ]
  if told[0] != told[1]:
    raise errors.UserError(
      f'{what}: training inputs are {told[0]} and those of the test part '
      f'{told[1]}; they must agree'
    )
  return dataclasses.replace(raw, train=train, test=test)


def whole(values: Any, what: str) -> np.ndarray:
  """Returns whole numbers from 0 as int32.

  Args:
    values: Labels or tokens.
    what: What they are, for the message.

  Raises:
    UserError: They are no whole numbers, or not within int32.

  Example:
    >>> whole(np.array([0, 2**32 + 1]), 'y')
    Traceback (most recent call last):
    effnas.errors.UserError: y must be whole numbers from 0 to 2147483647, got \
int64 from 0 to 4294967297
  """
  values = np.asarray(values)
  numbers = values.size and values.dtype.kind in 'biuf'
  if values.dtype.kind not in 'biu' or (
    numbers and (values.min() < 0 or values.max() > _WHOLE)
  ):
    span = f' from {values.min()} to {values.max()}' if numbers else ''
    raise errors.UserError(
      f'{what} must be whole numbers from 0 to {_WHOLE}, '
      f'got {values.dtype}{span}'
    )
  return values.astype(np.int32, copy=False)


def floats(values: Any, what: str) -> np.ndarray:
  """Returns numbers as float32, finite there, and apart where they were.

  Args:
    values: The numbers; the last axis is that of the features.
    what: What they are, for the message.

  Raises:
    UserError: They are no real numbers, not finite as float32, or a feature
      is constant there and was none.

  Example:
    >>> floats(np.array([[1e10], [1e10 + 1]]), 'x')
    Traceback (most recent call last):
    effnas.errors.UserError: x: feature 0, from 10000000000.0 to \
10000000001.0, is one number in float32; subtract an offset, or scale it
  """
  values = np.asarray(values)
  if values.dtype.kind not in 'biuf':
    raise errors.UserError(f'{what} must be numbers, got {values.dtype}')
  with np.errstate(over='ignore', invalid='ignore'):
    found = values.astype(np.float32, copy=False)
  wrong = ~np.isfinite(found)
  if wrong.any():
    raise errors.UserError(
      f'{what} holds numbers that are not finite in float32, '
      f'as {values[wrong][0]}'
    )
  if found is not values and found.size and found.ndim > 1:
    axes = tuple(range(found.ndim - 1))
    low, high = values.min(axis=axes), values.max(axis=axes)
    lost = (low < high) & (found.min(axis=axes) == found.max(axis=axes))
    if lost.any():
      feature = int(lost.argmax())
      raise errors.UserError(
        f'{what}: feature {feature}, from {low[feature]} to {high[feature]}, '
        'is one number in float32; subtract an offset, or scale it'
      )
  return found


def pixels(values: Any, what: str) -> np.ndarray:
  """Returns pixels as uint8, or as float32 where they are floats.

  Args:
    values: Whole numbers from 0 to 255, or floats.
    what: What they are, for the message.

  Raises:
    UserError: They are no real numbers, not finite, or out of range.
  """
  values = np.asarray(values)
  if values.dtype.kind not in 'biu':
    return floats(values, what)
  if values.size and (values.min() < 0 or values.max() > 255):
    raise errors.UserError(
      f'{what}: pixels of images are 0 to 255, '
      f'got {values.min()} to {values.max()}'
    )
  return values.astype(np.uint8, copy=False)


_TAKEN = {'image': pixels, 'vector': floats, 'tokens': whole}


def inputs(values: Any, kind: dataset.Kind, what: str) -> np.ndarray:
  """Returns inputs in the type of their kind.

  Args:
    values: The inputs.
    kind: 'image', 'vector' or 'tokens'.
    what: What they are, for the message.

  Raises:
    UserError: They do not fit it.
  """
  return _TAKEN[kind](values, what)


def check_prepared(
  x: Any,
  kind: dataset.Kind,
  mean: tuple[float, ...] | None,
  std: tuple[float, ...] | None,
) -> None:
  """Raises where inputs overflow or vanish in `Dataset.prepare`.

  Args:
    x: Inputs of one part; only arrays of floats are looked at.
    kind: Of the data set.
    mean: Of the training part.
    std: Likewise.

  Raises:
    UserError: An input is not finite once it is standardised, or a feature
      is divided by so much that nothing is left.
  """
  if mean is None or std is None:
    return
  if not isinstance(x, np.ndarray) or x.dtype != np.float32:
    return
  unit = 255 if kind == 'image' else 1
  axes = tuple(range(x.ndim - 1))
  ends = np.stack([x.min(axis=axes), x.max(axis=axes)])
  with np.errstate(over='ignore', under='ignore', invalid='ignore'):
    scale = (1 / (np.asarray(std) * unit)).astype(np.float32)
    found = (ends - (np.asarray(mean) * unit).astype(np.float32)) * scale
  if not np.isfinite(found).all() or (scale < np.finfo(np.float32).tiny).any():
    raise errors.UserError(
      f'inputs from {ends.min():g} to {ends.max():g} cannot be standardised '
      'in float32; scale them to a range about 1'
    )


def _part(what: str, raw: dataset.Raw, part: dataset.Split) -> dataset.Split:
  x = part.x
  if isinstance(x, np.ndarray | list):
    x = inputs(x, raw.kind, f'{what}: x')
  elif np.dtype(x.dtype) not in _TYPES[raw.kind]:
    raise errors.UserError(
      f'{what}: inputs of kind {raw.kind} cannot be {x.dtype}'
    )
  y = whole(part.y, f'{what}: labels')
  if y.shape not in (x.shape[:1], x.shape):
    raise errors.UserError(
      f'{what}: labels {y.shape} do not go with inputs {x.shape}'
    )
  if y.size and y.max() >= raw.classes:
    raise errors.UserError(
      f'{what}: labels of {raw.classes} classes are 0 to {raw.classes - 1}, '
      f'found {y.max()}'
    )
  if x is part.x and y is part.y:
    return part
  return dataclasses.replace(part, x=x, y=y)
