"""From the name of a function in a config to a Space."""

from collections.abc import Callable, Mapping
import importlib
import inspect
from typing import Any

from effnas import arguments as arguments_lib
from effnas import errors
from effnas.space import placeholder, space, structure


def declare(function: Callable[..., Any], /, **arguments: Any) -> space.Space:
  """Calls a function that declares a space.

  Args:
    function: Returns a Space, or a tree for one.
    **arguments: Its arguments.

  Returns:
    The space.

  Raises:
    UserError: Where it does not take these arguments (their types and ranges
      are those of its annotations), raises anything, returns nothing, or a
      constructor fails on a choice in one of its fields; the line then names
      the class and the field, and how to defer the construction.

  Example:
    >>> from effnas.space import oneof
    >>> declare(lambda low: {'bits': oneof(low, 8)}, low=4).size
    2
  """
  name = getattr(function, '__name__', repr(function))
  return _declared(function, arguments, f'the space {name!r}')


def load(name: str, /, **arguments: Any) -> space.Space:
  """Finds a function by its dotted name and declares its space.

  Args:
    name: 'module:function', as in 'effnas.zoo.mobilenet:space'.
    **arguments: The function's arguments.

  Returns:
    The space.

  Raises:
    UserError: Where there is no such module, function or argument, or the
      declaration fails (see `declare`).
  """
  return load_as(name, name, arguments)


def load_as(name: str, title: str, arguments: Mapping[str, Any]) -> space.Space:
  """Does what `load` does, for a space that is known by another name.

  Args:
    name: 'module:function'.
    title: The other name, for errors: 'hybrid'.
    arguments: The function's arguments.

  Returns:
    The space.

  Raises:
    UserError: As for `load`.
  """
  function = _found(name)
  return _declared(function, arguments, f'the space {title!r}')


def _declared(
  function: Callable[..., Any], arguments: Mapping[str, Any], what: str
) -> space.Space:
  given = dict(arguments)
  structure.check_arguments(function, given)
  arguments_lib.values(function, given, f'{what}: ')
  try:
    tree = function(**given)
    if tree is None:
      raise errors.UserError('it must return a Space, and returned None')
    return tree if isinstance(tree, space.Space) else space.Space(tree)
  except Exception as error:
    explained = placeholder.explain(error)
    if explained is not None:
      raise explained from error
    raise arguments_lib.failed(what, given, error) from error


def _found(name: str) -> Callable[..., Any]:
  module_name, colon, function_name = str(name).partition(':')
  if not (module_name and colon and function_name):
    raise errors.UserError(f"a space is named 'module:function', got {name!r}")
  try:
    module = importlib.import_module(module_name)
  except ModuleNotFoundError as error:
    missing = error.name or ''
    if module_name == missing or module_name.startswith(f'{missing}.'):
      raise errors.UserError(
        f'unknown module {missing!r} in the space {name!r}; '
        'it must be importable from where this runs'
      ) from error
    raise errors.UserError(
      f'the space {name!r} needs the module {missing!r}, which is not installed'
    ) from error
  except Exception as error:  # whatever their file raises
    raise errors.UserError(
      f'the space {name!r} cannot be imported: {arguments_lib.why(error)}'
    ) from error
  function = getattr(module, function_name, None)
  if not callable(function):
    known = [
      known
      for known, value in vars(module).items()
      if inspect.isfunction(value) and not known.startswith('_')
    ]
    kind = f'function of {module_name}'
    if not known:
      raise errors.UserError(f'unknown {kind} {function_name!r}: it has none')
    raise errors.unknown(kind, function_name, known)
  return function
