"""The JSON value that stands for an option in an arch."""

from collections.abc import Mapping, Sequence
import enum
import functools
import math
from typing import Any

import numpy as np

from effnas import errors
from effnas.space import tree

Scalar = None | bool | int | float | str


def is_scalar(option: Any) -> bool:
  """Whether an option is a JSON scalar and so stands for itself."""
  if type(option) is float:
    return math.isfinite(option)
  return option is None or type(option) in (bool, int, str)


def equal(a: Any, b: Any) -> bool:
  """Whether two arch values are one: `True`, `1` and `1.0` are three."""
  return type(a) is type(b) and bool(a == b)


def label(option: Any) -> str:
  """Names an option that is no JSON scalar; never by its address.

  Example:
    >>> label((3, 5)), label(max), label({'bits': 4}), label(np.dtype('int8'))
    ('(3, 5)', 'max', '{bits: 4}', 'int8')
  """
  if isinstance(option, np.dtype | enum.Enum):
    return option.name
  if isinstance(option, float):  # not finite, or it would be its own label
    return repr(option)
  if isinstance(option, functools.partial):
    return label(option.func)
  if isinstance(getattr(option, '__name__', None), str):
    return option.__name__
  parts = tree.split(option)
  if parts is None or not isinstance(option, list | tuple | Mapping):
    return type(option).__name__
  return _container_label(option, parts)


def _container_label(option: Any, parts: tree.Split) -> str:
  words = [repr(v) if is_scalar(v) else label(v) for v in parts.values]
  if isinstance(option, Mapping):
    pairs = zip(parts.names, words, strict=True)
    return '{' + ', '.join(f'{k}: {word}' for k, word in pairs) + '}'
  if isinstance(option, list):
    return f'[{", ".join(words)}]'
  return f'({", ".join(words)}{"," * (len(words) == 1)})'


def values(
  options: Sequence[Any], given: Sequence[str | int | float] | None = None
) -> tuple[Scalar, ...]:
  """Returns the arch value of every option, all different.

  Args:
    options: The options of one choice.
    given: The labels to use instead of the derived ones, one for each option.

  Returns:
    A JSON scalar for each option: itself, or its label; the second and third
    option of one label get '_1', '_2'.

  Raises:
    UserError: Where an option or a given label stands twice, or the number of
      labels is not that of the options.

  Example:
    >>> values([True, 1, (3, 5), max, max])
    (True, 1, '(3, 5)', 'max', 'max_1')
  """
  if given is not None:
    if len(given) != len(options):
      raise errors.UserError(
        f'labels= names each option once: {len(options)} options, '
        f'{len(given)} labels'
      )
    for one in given:
      if not is_scalar(one) or one in ('', None) or type(one) is bool:
        raise errors.UserError(f'a label is a string or a number, got {one!r}')
    _all_different(given, 'label')
    return tuple(given)
  scalars = [option for option in options if is_scalar(option)]
  _all_different(scalars, 'option')
  taken = {scalar for scalar in scalars if isinstance(scalar, str)}
  found: list[Scalar] = []
  for option in options:
    if is_scalar(option):
      found.append(option)
      continue
    name = base = label(option)
    number = 0
    while name in taken:
      number += 1
      name = f'{base}_{number}'
    taken.add(name)
    found.append(name)
  return tuple(found)


def _all_different(some: Sequence[Any], what: str) -> None:
  for i, one in enumerate(some):
    if any(equal(one, other) for other in some[:i]):
      raise errors.UserError(
        f'the {what}s of a choice must differ, but {one!r} stands twice'
      )
