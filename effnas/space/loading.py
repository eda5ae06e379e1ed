"""From the name of a function in a config to a Space."""

from collections.abc import Callable
import importlib
import inspect
from typing import Any

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
    UserError: Where it does not take these arguments, returns nothing, or a
      constructor fails on a choice in one of its fields; the line then names
      the class and the field, and how to defer the construction.

  Example:
    >>> from effnas.space import oneof
    >>> declare(lambda low: {'bits': oneof(low, 8)}, low=4).size
    2
  """
  structure.check_arguments(function, arguments)
  try:
    tree = function(**arguments)
  except Exception as error:
    explained = placeholder.explain(error)
    if explained is None:
      raise
    raise explained from error
  if tree is None:
    name = getattr(function, '__name__', repr(function))
    raise errors.UserError(f'{name} must return a Space, it returned None')
  return tree if isinstance(tree, space.Space) else space.Space(tree)


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
  return declare(function, **arguments)
