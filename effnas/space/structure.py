"""Layers in a number to be chosen, and construction that waits for values."""

from collections.abc import Callable
import dataclasses
import inspect
from typing import Any

from effnas import errors
from effnas.space import choices, labels, placeholder, ranges


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Repeat(placeholder.Placeholder):
  """Stands for a tuple of layers; made by `repeat`."""

  body: Any
  times: int | choices.Choice
  shared: bool = False

  def __repr__(self):
    body = type(self.body).__name__
    shared = ', shared=True' if self.shared else ''
    return f'repeat({body}, {self.times!r}{shared})'


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Lazy(placeholder.Placeholder):
  """Stands for what `cls(**fields)` will return; made by `lazy`."""

  cls: Callable[..., Any]
  fields: dict[str, Any]

  @property
  def __name__(self) -> str:
    return labels.label(self.cls)

  def __repr__(self):
    fields = ''.join(f', {name}=...' for name in self.fields)
    return f'lazy({self.__name__}{fields})'


def repeat(
  body: Any, times: int | choices.Choice, shared: bool = False
) -> Repeat:
  """Declares a tuple of `times` layers made after one template.

  Every layer is an instance of its own, with parameters of its own. In an arch
  the number is keyed '<path>.times', the choices of layer i '<path>.<i>. ...',
  shared ones '<path>.body. ...'.

  Args:
    body: The template of a layer; may hold choices.
    times: How many layers: an integer, or a choice of integers.
    shared: One decision for all layers instead of one for each.

  Returns:
    What to put into the field for the layers.

  Raises:
    UserError: Where `times` can be anything but a whole number from 0.

  Example:
    >>> from effnas import space
    >>> s = space.Space(repeat(space.oneof('a', 'b'), space.oneof(1, 2)))
    >>> s.build({'times': 2, '0': 'a', '1': 'b'})
    ('a', 'b')
  """
  if isinstance(times, choices.OneOf):
    numbers = times.options
  elif isinstance(times, ranges.IntRange):
    numbers = (times.low,)
  else:
    numbers = (times,)
  if not all(type(number) is int and number >= 0 for number in numbers):
    raise errors.UserError(
      'repeat takes a whole number of times from 0, or a choice of such; '
      f'got {times!r}'
    )
  return Repeat(body, times, bool(shared))


def lazy(cls: Callable[..., Any], /, **fields: Any) -> Lazy:
  """Declares an object to be constructed when its fields have values.

  For classes whose constructors compute with fields, as
  `linen.Sequential(oneof(...))` would; paths go on with the fields' names.

  Args:
    cls: The class, or any function.
    **fields: Its arguments; may hold choices.

  Returns:
    What to put where the object shall stand.

  Raises:
    UserError: Where `cls` does not take one of the fields.

  Example:
    >>> from effnas import space
    >>> s = space.Space(lazy(complex, real=space.oneof(1, 2), imag=3))
    >>> s.build({'real': 2})
    (2+3j)
  """
  if not callable(cls):
    raise errors.UserError(f'lazy takes a class, got {cls!r}')
  check_arguments(cls, fields)
  return Lazy(cls, fields)


def check_arguments(
  function: Callable[..., Any], arguments: dict[str, Any]
) -> None:
  """Raises a UserError where a function does not take such arguments.

  Args:
    function: What would be called.
    arguments: Its keyword arguments.

  Raises:
    UserError: Names the argument, and the accepted ones.
  """
  try:
    parameters = inspect.signature(function).parameters.values()
  except (TypeError, ValueError):  # some of Python's own have no signature
    return
  name = getattr(function, '__name__', repr(function))
  known = {
    p.name: p
    for p in parameters
    if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
  }
  if not any(p.kind == p.VAR_KEYWORD for p in parameters):
    for argument in arguments:
      if argument not in known:
        if not known:
          raise errors.UserError(f'{name} takes no arguments, got {argument!r}')
        raise errors.unknown(f'argument of {name}', argument, known)
  for argument, parameter in known.items():
    if parameter.default is parameter.empty and argument not in arguments:
      raise errors.UserError(f'{name} needs the argument {argument!r}')
