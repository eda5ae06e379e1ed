"""JSON values against annotations, which may state ranges."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
import dataclasses
import math
import numbers
import os
import types
import typing
from typing import Annotated, Any, Literal

LARGEST = 2**63 - 1  # what arrays and files hold


@dataclasses.dataclass(frozen=True)
class Range:
  """The numbers that an argument may be.

  Attributes:
    least: The least one.
    most: The largest one.
    above: Whether `least` itself is out.
    below: Whether `most` itself is out.
  """

  least: float = -math.inf
  most: float = math.inf
  above: bool = False
  below: bool = False

  def __contains__(self, value: float) -> bool:
    """Whether a number is one of them."""
    low = value > self.least if self.above else value >= self.least
    high = value < self.most if self.below else value <= self.most
    return bool(low and high)

  def __str__(self) -> str:
    """Says which, behind 'a number'."""
    least, most = (_number(end) for end in (self.least, self.most))
    if math.isinf(self.most):
      if math.isinf(self.least):
        return ''
      return f' above {least}' if self.above else f' of at least {least}'
    high = f'less than {most}' if self.below else most
    if math.isinf(self.least):
      return f' of at most {most}'
    return f' {"above" if self.above else "from"} {least} to {high}'


@dataclasses.dataclass(frozen=True)
class Length:
  """How many a list has at least."""

  least: int = 1


_Misfit = tuple[str, Any, Any] | None


def misfit(given: Any, hint: Any, name: str) -> _Misfit:
  """Returns what does not fit: its name, annotation and value; or None.

  Args:
    given: A value. One that JSON cannot hold fits everywhere.
    hint: An annotation. One that says nothing of JSON values admits all.
    name: Of the value; a part of it is named below that.

  Example:
    >>> misfit([1, 'a'], Sequence[int], 'widths')
    ('widths[1]', <class 'int'>, 'a')
  """
  if not _of_json(given):
    return None
  origin, inner = typing.get_origin(hint), typing.get_args(hint)
  if origin is Annotated:
    return _misfit_annotated(given, hint, name)
  if origin in (typing.Union, types.UnionType):
    return _misfit_union(given, hint, name)
  if origin is Literal:
    fits = any(type(given) is type(one) and given == one for one in inner)
    return None if fits else (name, hint, given)
  kind = _KINDS.get(origin or hint)
  if kind is not None and not kind.holds(given):
    return name, hint, given
  return _misfit_inner(given, hint, name) if kind else None


def _misfit_union(given: Any, hint: Any, name: str) -> _Misfit:
  found = [misfit(given, one, name) for one in typing.get_args(hint)]
  if None in found:
    return None
  # Where one option fits but for a part of it, that part is what is wrong.
  deep = [one for one in found if one and one[0] != name]
  return deep[0] if len(deep) == 1 else (name, hint, given)


def _misfit_annotated(given: Any, hint: Any, name: str) -> _Misfit:
  base, *notes = typing.get_args(hint)
  found = misfit(given, base, name)
  if found is not None:  # what it may be is said with its range
    return found if found[0] != name else (name, hint, given)
  for note in notes:
    if isinstance(note, Range) and _is_number(given) and given not in note:
      return name, hint, given
    if isinstance(note, Length) and len(given) < note.least:
      return name, hint, given
  return None


def _misfit_inner(given: Any, hint: Any, name: str) -> _Misfit:
  origin, inner = typing.get_origin(hint), typing.get_args(hint)
  hints: list[Any] = []
  if isinstance(given, Mapping):
    parts = [(f'{name}.{key}', one) for key, one in given.items()]
    hints = [inner[1]] * len(parts) if len(inner) == 2 else []
  elif isinstance(given, list | tuple):
    parts = [(f'{name}[{i}]', one) for i, one in enumerate(given)]
    if origin is tuple and Ellipsis not in inner:
      if inner and len(inner) != len(given):
        return name, hint, given
      hints = list(inner)
    else:
      hints = list(inner[:1]) * len(parts)
  else:
    return None
  for (part, one), each in zip(parts, hints, strict=False):
    found = misfit(one, each, part)
    if found is not None:
      return found
  return None


class _Kind(typing.NamedTuple):
  holds: Callable[[Any], bool]
  words: str


def _is_number(given: Any) -> bool:
  return isinstance(given, numbers.Real) and not isinstance(given, bool)


def _is_whole(given: Any) -> bool:
  whole = isinstance(given, numbers.Integral) and not isinstance(given, bool)
  return whole and abs(int(given)) <= LARGEST


def _is_finite(given: Any) -> bool:
  if isinstance(given, numbers.Integral):
    return _is_whole(given)
  return _is_number(given) and math.isfinite(given)


def _is_list(given: Any) -> bool:
  return isinstance(given, list | tuple)


def _of_json(given: Any) -> bool:
  return given is None or isinstance(
    given, bool | str | numbers.Number | list | tuple | Mapping
  )


_LIST = _Kind(_is_list, 'a list')
_TABLE = _Kind(lambda given: isinstance(given, Mapping), 'settings by name')
_KINDS: Mapping[Any, _Kind] = {
  type(None): _Kind(lambda given: given is None, 'null'),
  bool: _Kind(lambda given: isinstance(given, bool), 'true or false'),
  int: _Kind(_is_whole, 'a whole number'),
  float: _Kind(_is_finite, 'a number'),
  str: _Kind(lambda given: isinstance(given, str), 'a text'),
  os.PathLike: _Kind(lambda given: isinstance(given, str), 'a path'),
  list: _LIST,
  tuple: _LIST,
  Sequence: _LIST,
  Iterable: _LIST,
  Collection: _LIST,
  dict: _TABLE,
  Mapping: _TABLE,
}


def words(hint: Any, given: Any) -> str:
  """Says what a value may be, and of several bounds those that it breaks.

  Args:
    hint: An annotation.
    given: A value that does not fit.

  Example:
    >>> words(Annotated[float, Range(0, 1)] | None, 2)
    'a number from 0 to 1 or null'
  """
  origin, inner = typing.get_origin(hint), typing.get_args(hint)
  if origin is Annotated:
    bounds = [note for note in inner[1:] if isinstance(note, Range)]
    broken = [b for b in bounds if _is_number(given) and given not in b]
    some = [note.least for note in inner[1:] if isinstance(note, Length)]
    return ''.join(
      [words(inner[0], given)]
      + [str(bound) for bound in broken or bounds[:1]]
      + [f' of at least {least}' for least in some]
    )
  if origin in (typing.Union, types.UnionType):
    return ' or '.join(dict.fromkeys(words(one, given) for one in inner))
  if origin is Literal:
    return ' or '.join(map(repr, inner))
  if origin is tuple and Ellipsis not in inner:
    return f'a list of {len(inner)}'
  kind = _KINDS.get(origin or hint)
  return kind.words if kind else 'something else'


def _number(end: float) -> str:
  return str(end) if isinstance(end, int) else f'{end:g}'
