"""Anything a trial may give, as plain JSON values."""

from collections.abc import Mapping
import json
import math
from typing import Any


def plain(value: Any, finite: bool = True) -> Any:
  """Returns a value as JSON will give it back.

  Args:
    value: Mappings, sequences, strings, numbers; scalars of NumPy or JAX.
    finite: Whether numbers that are not finite become None: JSON has no word
      for them, though Python's dialect has.

  Returns:
    Dicts with string keys, lists, str, int, float, bool, None.

  Raises:
    TypeError: There is something else in it, or it is nested too deep.

  Example:
    >>> plain({'loss': float('nan'), 'shape': (3, 3)})
    {'loss': None, 'shape': [3, 3]}
  """
  try:
    return _plain(value, finite)
  except RecursionError:
    raise TypeError('nested too deep for JSON, or holds itself') from None


def _plain(value: Any, finite: bool) -> Any:
  if value is None or isinstance(value, bool | str):
    return value
  if isinstance(value, int):
    return int(value)
  if isinstance(value, float):
    return float(value) if math.isfinite(value) or not finite else None
  if isinstance(value, Mapping):
    return {str(k): _plain(v, finite) for k, v in value.items()}
  if isinstance(value, list | tuple):
    return [_plain(v, finite) for v in value]
  if getattr(value, 'shape', None) == ():
    return _plain(value.item(), finite)
  raise TypeError(f'{type(value).__name__} is no JSON value: {value!r}')


def key(arch: Mapping[str, Any]) -> str:
  """Returns a text that two architectures share if and only if they are equal.

  Args:
    arch: The architecture; `True`, `1` and `1.0` are different choices.
  """
  return json.dumps(plain(arch), sort_keys=True)
