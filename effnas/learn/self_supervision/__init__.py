"""Self-supervision: what a network learns from inputs without labels.

Each file of `pretexts` is one objective, under its own name. A network is
pre-trained by it, and trained on from its variables with labels: `at` says
which module's output is learnt on, and all that lies behind that module keeps
its drawn values, so that fine-tuning draws them anew or starts from them.
"""

from collections.abc import Mapping
import dataclasses
import importlib
import pkgutil
from typing import Any

from effnas import arguments, errors
from effnas.learn import objective
from effnas.learn.self_supervision import pretexts


def names() -> list[str]:
  """Returns the names of all objectives.

  Example:
    >>> names()
    ['masked_tokens', 'next_token', 'rotation', 'simclr']
  """
  return sorted(
    module.name for module in pkgutil.iter_modules(pretexts.__path__)
  )


def find(name: str) -> Any:
  """Returns the class of an objective, by name.

  Raises:
    UserError: There is none of that name.
  """
  if name not in names():
    raise errors.unknown('objective', name, names())
  module = importlib.import_module(f'{pretexts.__name__}.{name}')
  return getattr(module, name.title().replace('_', ''))


def make(name: str, args: Mapping[str, Any]) -> objective.Objective:
  """Makes an objective from a config's values.

  Args:
    name: One of `names()`.
    args: Fields of its class.

  Returns:
    The objective, for `effnas.train.fit(objective=...)`; equal settings are
    equal and hash alike, whatever their traced numbers.

  Raises:
    UserError: An unknown name or field, one that is missing, or a value out of
      range.

  Example:
    >>> made = make('simclr', {'at': 'stages_2', 'temperature': 0.1})
    >>> made == make('simclr', {'at': 'stages_2', 'temperature': 0.5})
    True
    >>> make('simclr', {'temprature': 0.1})
    Traceback (most recent call last):
    effnas.errors.UserError: unknown setting of simclr 'temprature'; did you
      mean 'temperature'?
  """
  kind = find(name)
  fields = {field.name: field for field in dataclasses.fields(kind)}
  for key in args:
    if key not in fields:
      raise errors.unknown(f'setting of {name}', key, fields)
  for key, field in fields.items():
    if field.default is dataclasses.MISSING and key not in args:
      raise errors.UserError(
        f'{name} takes {key}, which has no default; give it, as '
        f"{{'name': '{name}', '{key}': ...}}"
      )
  arguments.values(kind, args, f'{name}.')
  return kind(**args)


def configured(settings: str | Mapping[str, Any]) -> objective.Objective:
  """Makes the objective that a config names.

  Args:
    settings: A name, or a mapping with 'name' and the fields of its class.

  Returns:
    What `make` does.

  Raises:
    UserError: It is neither, or as for `make`.

  Example:
    >>> configured({'name': 'rotation', 'at': 'stages_2'})
    Rotation(at='stages_2')
    >>> configured('rotation')
    Rotation(at='logits')
  """
  given = {'name': settings} if isinstance(settings, str) else settings
  if not isinstance(given, Mapping) or 'name' not in given:
    raise errors.UserError(
      "an objective is a name, or a mapping with 'name' and its settings, as "
      f"{{'name': 'simclr', 'temperature': 0.5}}; got {settings!r}"
    )
  args = {key: value for key, value in given.items() if key != 'name'}
  return make(given['name'], args)
