"""What stands in a field until `build`: nothing can compute with it.

A choice in a field is found by `Space`; a constructor that computes with it
would compute with the wrong thing, so it gets one line that says how to wait.
"""

from collections.abc import Callable, Iterable, Iterator
import dataclasses
import sys
import types
from typing import Any, NoReturn

from effnas import errors
from effnas.space import tree

_CONSTRUCTORS = ('__init__', '__post_init__', '__new__')


class UnbuiltError(errors.UserError):
  """Something computed with a choice before `build` put a value there."""


class Reader:
  """Base of what takes unbuilt fields by design, so is never to blame."""


class Placeholder(Reader):
  """Base of everything that `build` replaces; compared by identity."""

  __hash__ = object.__hash__

  def __eq__(self, other: object) -> Any:
    # Quietly False is right for trees and wrong in a constructor that compares
    # what it believes to be a value.
    if owner(_frames(sys._getframe(1)), lambda node: node is self):
      _refuse(self, sys._getframe(1))
    return self is other


def owner(
  frames: Iterable[types.FrameType],
  match: Callable[[Any], bool],
  constructing: bool = True,
) -> tuple[type, str, Any] | None:
  """Finds the object whose method runs while one of its fields matches.

  Args:
    frames: Frames to look through, innermost first.
    match: What to look for, anywhere below a field.
    constructing: Look at constructors only.

  Returns:
    (class, name of the field, what matched), or None.
  """
  for frame in frames:
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if not names or (constructing and code.co_name not in _CONSTRUCTORS):
      continue
    subject = frame.f_locals.get(names[0])
    if isinstance(subject, Reader):
      continue
    fields: dict[Any, Any] = {}
    parts = tree.split(subject)
    if parts is not None and dataclasses.is_dataclass(subject):
      fields = dict(zip(parts.names, parts.values, strict=True))
    if constructing:  # an argument may not have become a field yet
      arguments = {n: frame.f_locals.get(n) for n in names[1:]}
      fields |= {n: v for n, v in arguments.items() if fields.get(n) is None}
    for name, value in fields.items():
      found = tree.find(value, match)
      if found is not None:
        cls = subject if isinstance(subject, type) else type(subject)
        return cls, name, found
  return None


def explain(error: Exception) -> errors.UserError | None:
  """Says which unbuilt field made a constructor fail, where one did.

  Args:
    error: What a function that declares a tree has raised.

  Returns:
    One line with the class, the field and the way to defer the construction;
    None where no constructor of an object that holds a choice was running.
  """
  frames = []
  trace = error.__traceback__
  while trace is not None:
    frames.append(trace.tb_frame)
    trace = trace.tb_next
  found = owner(reversed(frames), lambda node: isinstance(node, Placeholder))
  if found is None or isinstance(error, UnbuiltError):
    return None
  cls, field, held = found
  said = ' '.join(str(error).split())
  return errors.UserError(
    f'{cls.__name__}.{field} holds {held!r}, and its constructor fails on it '
    f'({type(error).__name__}: {said}); '
    f'defer the construction: lazy({cls.__name__}, {field}=...)'
  )


def _frames(frame: types.FrameType | None) -> Iterator[types.FrameType]:
  while frame is not None:
    yield frame
    frame = frame.f_back


def _refuse(held: Placeholder, frame: types.FrameType) -> NoReturn:
  def match(node):
    return node is held

  if found := owner(_frames(frame), match):
    cls, field, _ = found
    raise UnbuiltError(
      f'{cls.__name__}.{field} holds {held!r}, and its constructor computes '
      'with it before a value is chosen; '
      f'defer the construction: lazy({cls.__name__}, {field}=...)'
    )
  if found := owner(_frames(frame), match, constructing=False):
    cls, field, _ = found
    raise UnbuiltError(
      f'{cls.__name__}.{field} still holds {held!r}; '
      'put values there first: Space(tree).build(arch)'
    )
  raise UnbuiltError(
    f'{held!r} has no value before build, so nothing can be computed with it; '
    'offer the results as options, or defer a class that computes them: '
    'lazy(Class, field=...)'
  )


def _refusal(name: str) -> Callable[..., NoReturn]:
  def method(self, *unused):
    _refuse(self, sys._getframe(1))

  method.__name__ = name
  return method


_BINARY = (
  'add sub mul truediv floordiv mod divmod pow matmul lshift rshift and or xor'
)
_OTHER = (
  'neg pos abs invert lt le gt ge bool len iter reversed getitem contains '
  'index int float complex round trunc floor ceil'
)
for _name in (
  *_OTHER.split(),
  *(side + name for name in _BINARY.split() for side in ('', 'r')),
):
  setattr(Placeholder, f'__{_name}__', _refusal(f'__{_name}__'))
