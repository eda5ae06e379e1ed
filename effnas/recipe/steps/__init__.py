"""The steps of recipes: each file here is one, under its own name.

A file `NAME.py` has the class `Name`, a `effnas.recipe.step.Step`; add a step
by adding a file. `encode.py` is the smallest example.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import importlib
import pkgutil
from typing import Any

from effnas import arguments, errors
from effnas.recipe import step as step_lib


def names() -> list[str]:
  """Returns the names of all steps."""
  return sorted(module.name for module in pkgutil.iter_modules(__path__))


def find(name: str) -> type[step_lib.Step]:
  """Returns a step by name.

  Raises:
    UserError: There is none of that name.

  Example:
    >>> find('cluster')(clusters=32).clusters
    32
  """
  if name not in names():
    raise errors.unknown('step', name, names())
  module = importlib.import_module(f'{__name__}.{name}')
  return getattr(module, name.capitalize())


def make(name: str, settings: Mapping[str, Any]) -> step_lib.Step:
  """Makes a step from its settings.

  Args:
    name: One of `names()`.
    settings: Fields of its class; lists count as tuples.

  Raises:
    UserError: An unknown name or setting, or a value that is none.

  Example:
    >>> make('prune', {'sparsty': 0.5})
    Traceback (most recent call last):
    effnas.errors.UserError: unknown setting of prune 'sparsty'; did you mean
      'sparsity'?
  """
  kind = find(name)
  fields = {field.name: field for field in dataclasses.fields(kind)}
  for key in settings:
    if key not in fields:
      raise errors.unknown(f'setting of {name}', key, fields)
  for key, field in fields.items():
    if key not in settings and field.default is dataclasses.MISSING:
      raise errors.UserError(f'{name} needs {key}')
  arguments.values(kind, settings, f'{name}.')
  return kind(**{key: _frozen(value) for key, value in settings.items()})


def load(section: Mapping[str, Any]) -> tuple[step_lib.Step, ...]:
  """Returns the steps of a config's section 'compress', checked.

  Args:
    section: 'order': names of the other keys, first step first; each of these
      is the settings of the step it names.

  Raises:
    UserError: A step is unknown, or makes no sense where it stands.

  Example:
    >>> section = {'order': ['prune', 'encode'], 'prune': {'sparsity': 0.5}}
    >>> [one.name for one in load(section)]
    ['prune', 'encode']
  """
  order = section.get('order', ())
  if isinstance(order, str):
    raise errors.UserError(
      f"compress.order is a list of steps, as ['{order}']; got {order!r}"
    )
  arguments.value(order, Sequence[str], 'compress.order')
  for key in section:
    if key != 'order' and key not in names():
      raise errors.unknown('step', key, names())
  for name in order:
    settings = section.get(name, {})
    arguments.value(settings, Mapping[str, Any], f'compress.{name}')
  found = tuple(make(name, section.get(name, {})) for name in order)
  check(found)
  return found


def check(steps: Sequence[step_lib.Step]) -> None:
  """Raises a UserError where a step makes no sense after an earlier one.

  Args:
    steps: In their order.

  Example:
    >>> check([find('encode')(), find('cluster')()])
    Traceback (most recent call last):
    effnas.errors.UserError: cluster makes no sense after encode: the file is
      coded by then; cluster before
  """
  for i, later in enumerate(steps):
    for earlier in steps[:i]:
      if earlier.name in later.refuses:
        raise errors.UserError(
          f'{later.name} makes no sense after {earlier.name}: '
          f'{later.refuses[earlier.name]}'
        )


def _frozen(value: Any) -> Any:
  """Lists as tuples and mappings as pairs, so that steps hash."""
  if isinstance(value, Mapping):
    return tuple((key, _frozen(one)) for key, one in value.items())
  if isinstance(value, list | tuple):
    return tuple(_frozen(one) for one in value)
  return value
