"""The way in: a set by its name, with its options checked."""

import importlib
import inspect
import pkgutil
import types

from effnas import arguments, errors
from effnas.data import dataset, sets, split

_COMMON = (
  'path',
  'seed',
  'valid',
  'test',
  'limit',
  'labels',
  'verify',
  'remap',
)


def names() -> list[str]:
  """Returns the names of the data sets: the files of `effnas/data/sets/`.

  Example:
    >>> 'digits' in names()
    True
  """
  return sorted(module.name for module in pkgutil.iter_modules(sets.__path__))


def options(name: str) -> list[str]:
  """Returns the options that a set takes: the common ones, then its own.

  Args:
    name: Name of a set.

  Example:
    >>> options('text')[-3:]
    ['verify', 'remap', 'length']
  """
  parameters = inspect.signature(_module(name).load).parameters
  own = [key for key in parameters if key not in _COMMON]
  return [*_COMMON, *own]


def load(
  name: str,
  *,
  path: str | None = None,
  seed: int = 0,
  valid: float | int | None = None,
  test: float | int | None = None,
  limit: int | None = None,
  labels: int | None = None,
  verify: bool = True,
  remap: bool = False,
  **own,
) -> dataset.Dataset:
  """Loads a data set and splits it.

  Args:
    name: One of `names()`.
    path: Where its files lie. Default: the folder NAME below the one that the
      environment variable EFFNAS_DATA names, or below ~/.cache/effnas; what is
      missing there is downloaded. A user's own data need a path.
    seed: Seed of the split.
    valid: Size of the validation part: a fraction of the source's training
      examples, or a count. Default: 0.1, or 0.2 without an own test part.
    test: Size of the test part likewise, only for sources without one of
      their own (default 0.2).
    limit: Number of training examples to keep, a seeded subset; None for all.
    labels: Number of training examples that keep their label, a seeded subset;
      None for all. That of the others is -1.
    verify: Whether a checksum that differs from the official one stops. Where
      False, the provenance says so.
    remap: Whether classes without an example are taken out and the others
      numbered anew, in their order; the provenance has the labels they had.
    **own: The set's own options, see its file in `effnas/data/sets/`.

  Returns:
    The data set.

  Raises:
    UserError: An unknown name or option, missing or damaged files, a checksum
      that differs.

  Example:
    >>> digits = load('digits', valid=0.25, limit=500)
    >>> digits.input_shape, digits.classes, len(digits.train)
    ((8, 8, 1), 10, 500)
  """
  known = options(name)
  for option in own:
    if option not in known:
      raise errors.UserError(
        f'unknown option {option!r} of data set {name!r}; '
        f'accepted: {", ".join(known)}'
      )
  if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
    raise errors.UserError(f'seed must be a whole number from 0, got {seed!r}')
  if not isinstance(remap, bool):
    raise errors.UserError(f'remap must be True or False, got {remap!r}')
  read = _module(name).load
  arguments.values(read, {'path': path, 'verify': verify, **own}, 'data.')
  raw = read(path, verify, **own)
  return split.assemble(
    name,
    raw,
    seed=seed,
    valid=valid,
    test=test,
    limit=limit,
    labels=labels,
    remap=remap,
  )


def _module(name: str) -> types.ModuleType:
  if name not in names():
    raise errors.unknown('data set', name, names())
  return importlib.import_module(f'{sets.__name__}.{name}')
