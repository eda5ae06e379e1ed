"""Keyword arguments from a config, checked against their function."""

from collections.abc import Callable, Mapping
import inspect
from typing import Any

from effnas import errors


def check(
  function: Callable[..., Any], args: Mapping[str, Any], what: str, name: str
) -> None:
  """Checks what a config gives as the keyword arguments of a function.

  Two kinds of numbers are told by the default: counts (a whole number, or an
  int without a default), which are 1 or more, and shares, from 0 to 1.

  Args:
    function: The function; its keyword-only arguments may be given.
    args: The arguments.
    what: What the function is, for errors.
    name: Its name there.

  Raises:
    UserError: There is no such argument, or a value does not fit.

  Example:
    >>> def halve(*, eta=3): ...
    >>> check(halve, {'eat': 3}, 'scheduler', 'halving')
    Traceback (most recent call last):
    effnas.errors.UserError: unknown argument of scheduler halving 'eat'; did
      you mean 'eta'?
  """
  known = {
    key: parameter
    for key, parameter in inspect.signature(function).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
  }
  for key, value in args.items():
    if key not in known:
      raise errors.unknown(f'argument of {what} {name}', key, known)
    default = known[key].default
    missing = default is inspect.Parameter.empty
    _check(f'{name}.{key}', value, 1 if missing else default)


def _check(name: str, value: Any, default: Any) -> None:
  number = isinstance(value, int | float) and not isinstance(value, bool)
  whole = number and isinstance(value, int)
  if isinstance(default, int) and not (whole and value >= 1):
    raise errors.UserError(
      f'{name} must be a whole number of at least 1, got {value!r}'
    )
  if isinstance(default, float) and not (number and 0 <= value <= 1):
    raise errors.UserError(f'{name} must lie in 0 to 1, got {value!r}')
  if isinstance(default, tuple) and not isinstance(value, list | tuple):
    raise errors.UserError(f'{name} must be a list, got {value!r}')
