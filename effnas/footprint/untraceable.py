"""Networks that cannot be traced: each told by name, in one line."""

from collections.abc import Iterator, Mapping
import contextlib
import json
from typing import Any

from effnas import errors

_SHOWN = 120


@contextlib.contextmanager
def named(what: str | Mapping[str, Any]) -> Iterator[None]:
  """Says in one line whose network cannot be traced.

  Args:
    what: The network, in a few words, or its arch.

  Raises:
    UserError: For whatever a network of any space raises.

  Example:
    >>> with named({'width': 3}):
    ...   raise TypeError('the window is larger than the map')
    Traceback (most recent call last):
    effnas.errors.UserError: the network of {"width": 3} cannot be traced:
      TypeError: the window is larger than the map
  """
  try:
    yield
  except errors.UserError:
    raise
  except Exception as e:  # of a network of any space: it may be any
    if errors.of_the_machine(e):
      raise
    if not isinstance(what, str):
      what = f'the network of {_cut(json.dumps(dict(what)))}'
    said = next(iter(str(e).strip().splitlines()), '')
    raise errors.UserError(
      f'{what} cannot be traced: {type(e).__name__}: {_cut(said)}'
    ) from e


def _cut(text: str) -> str:
  return text if len(text) <= _SHOWN else f'{text[: _SHOWN - 3]}...'
