"""The events of a journal, one a line: how one is written, what is none.

A journal may come from anywhere, and everything that reads trials trusts their
types: what is no event of a search is refused here.
"""

from collections.abc import Callable, Mapping
import json
import re
from typing import Any

from effnas import files
from effnas.search import metrics

_DEEPEST = 50  # levels in one event; what follows goes down level by level
_SHOWN = 60
_MOST = 2.0**1023


def line(event: Mapping[str, Any]) -> bytes:
  r"""Returns the line of an event.

  Args:
    event: JSON values, 'event' and 'trial' among them.

  Example:
    >>> line({'trial': 3, 'event': 'failed', 'reason': 'ü'})
    b'{"event": "failed", "trial": 3, "reason": "\\u00fc"}\n'
  """
  first = {'event': event['event'], 'trial': event['trial']}
  text = json.dumps({**first, **event}, allow_nan=False)
  if _halved(text):  # half a character, from the name of a file say
    text = json.dumps(_mended({**first, **event}), allow_nan=False)
  return text.encode() + b'\n'


def parse(text: bytes) -> dict[str, Any]:
  """Returns the event of a line.

  Args:
    text: The line.

  Raises:
    ValueError: It is no JSON object in UTF-8.
  """
  if not text.strip():
    raise ValueError('it is empty')
  said = text.decode('utf-8')
  event = files.parse(said)
  if not isinstance(event, dict):
    raise ValueError('it is not a JSON object')
  if said.count('{') + said.count('[') > _DEEPEST and _deep(event):
    raise ValueError('nested too deep')
  if _halved(said):
    raise ValueError('it holds half a character')
  return event


def check(event: Mapping[str, Any]) -> None:
  """Raises an error where an event lacks a field, or one has a wrong type.

  Args:
    event: What `parse` returned.

  Raises:
    KeyError: A field is missing.
    ValueError: A field is none such.
  """
  kind = event['event']
  fields = _FIELDS.get(kind) if isinstance(kind, str) else None
  if fields is None:
    raise ValueError(f'unknown event {_short(kind)}')
  for name, why in {**_ALWAYS, **fields}.items():
    optional = name.endswith('?')
    name = name.removesuffix('?')  # noqa: PLW2901
    if optional and event.get(name) is None:
      continue
    if flaw := why(event[name]):
      raise ValueError(f'{name!r} {flaw}')


def flaw(values: Mapping[str, Any]) -> str:
  """Says why values by name cannot stand in a journal, '' if they can.

  Args:
    values: Metrics, and what is told beside them; JSON values.

  Example:
    >>> flaw({'accuracy': 0.5, 'loss': None, 'note': 'fine'})
    ''
    >>> flaw({'seconds': float('inf')})
    'seconds is not finite'
  """
  for name, value in values.items():
    if why := metrics.flaw(name, value, finite=False):
      return why
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and not abs(value) < _MOST:
      return f'{name:.60} is not finite'
    if name.startswith(metrics.UNCOMPILED) and (why := _text(value)):
      return f'{name:.60} {why}'
  return f'nested more than {_DEEPEST} levels deep' if _deep(values) else ''


def torn(text: bytes) -> bool:
  """Says whether a line without an end can be what is left of an event.

  Args:
    text: The line.

  Example:
    >>> torn(b'{"event": "done", "tri'), torn(b'{"ev'), torn(b'[{"event": "d')
    (True, True, False)
    >>> torn(b'{"event": "done"}'), torn(b'{"event": "done", tri')
    (False, False)
  """
  if not text.isascii():
    return False
  said = text.decode('ascii')
  if not any(s.startswith(said) or said.startswith(s) for s in _BEGINNINGS):
    return False
  said = re.sub(r'(\\(u[0-9a-f]{0,4})?)+$', '', said)  # an escape cut off
  try:
    json.loads(said)
  except json.JSONDecodeError as e:
    # A text without an end is told where it begins, all else where it is.
    return e.msg.startswith('Unterminated') or _begun(said[e.pos :])
  except (ValueError, RecursionError):
    return False
  return False


def _begun(rest: str) -> bool:
  """Whether what JSON does not take is the beginning of a word or number."""
  words = ('true', 'false', 'null', '-', '.', 'e-', 'e+')
  return not rest.strip() or any(word.startswith(rest) for word in words)


def _whole(value: Any) -> str:
  whole = isinstance(value, int) and not isinstance(value, bool)
  if whole and 0 <= value < 2**53:
    return ''
  return f'must be a whole number of at least 0, got {_short(value)}'


def _number(value: Any) -> str:
  number = isinstance(value, int | float) and not isinstance(value, bool)
  return '' if number else f'must be a number, got {_short(value)}'


def _text(value: Any) -> str:
  found = isinstance(value, str)
  return '' if found else f'must be a text, got {_short(value)}'


def _mapping(value: Any) -> str:
  found = isinstance(value, dict)
  return '' if found else f'must be a mapping, got {_short(value)}'


def _texts(value: Any) -> str:
  if flaw := _mapping(value):
    return flaw
  for name, text in value.items():
    if flaw := _text(text):
      return f'has {name!r:.60}, which {flaw}'
  return ''


def _values(value: Any) -> str:
  found = _mapping(value)
  if not found and (why := flaw(value)):
    found = f'cannot be: {why}'
  return found


_ALWAYS: dict[str, Callable[[Any], str]] = {'trial': _whole, 'time?': _number}
_FIELDS: dict[str, dict[str, Callable[[Any], str]]] = {
  'proposed': {
    'arch': _mapping,
    'footprint': _values,
    'sources?': _texts,
    'epochs?': _whole,
    'parent?': _whole,
  },
  'reported': {'epoch': _whole, 'metrics': _values},
  'done': {'metrics': _values},
  'failed': {'reason': _text, 'traceback?': _text},
  'stopped': {'reason': _text},
  'retried': {'reason': _text},
  'tested': {'metrics': _values},
}
_BEGINNINGS = tuple(f'{{"event": "{kind}", ' for kind in _FIELDS)


def _short(value: Any) -> str:
  text = repr(value)
  return text if len(text) <= _SHOWN else f'{text[: _SHOWN - 3]}...'


def _deep(value: Any) -> bool:
  """Whether there are too many levels in JSON values."""
  level = [value]
  for _ in range(_DEEPEST):
    inner = [v for v in level if isinstance(v, dict | list)]
    if not inner:
      return False
    level = [
      v
      for one in inner
      for v in (one.values() if isinstance(one, dict) else one)
    ]
  return any(isinstance(v, dict | list) for v in level)


def _halved(text: str) -> bool:
  """Whether JSON holds an escape of half a character."""
  if re.search(r'\\u[dD][89a-fA-F]', text) is None:
    return False
  try:
    json.dumps(json.loads(text), ensure_ascii=False).encode()
  except UnicodeEncodeError:
    return True
  return False


def _mended(value: Any) -> Any:
  if isinstance(value, str):
    return value.encode('utf-8', 'backslashreplace').decode()
  if isinstance(value, dict):
    return {_mended(k): _mended(v) for k, v in value.items()}
  return [_mended(v) for v in value] if isinstance(value, list) else value
