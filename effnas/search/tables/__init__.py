"""Tabular benchmarks: each file here reads one public table, under its name.

A file has one function

    load(path, *, verify=True, **options) -> Table

Args:
  path: The published file.
  verify: Whether a checksum that differs from the published one stops.
  **options: The benchmark's own, all with defaults.

What it returns is a `effnas.search.tabular.table.Table`, which makes problems
for any sampler; `effnas.search.tabular.simulate` runs them. Add a table by
adding a file.
"""

import importlib
import inspect
import os
import pkgutil
from typing import Any

from effnas import arguments, errors
from effnas.search.tabular import table


def names() -> list[str]:
  """Returns the names of all tables."""
  return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(
  name: str, path: str | os.PathLike[str], **options: Any
) -> table.Table:
  """Reads a table.

  Args:
    name: One of `names()`.
    path: The published file.
    **options: Keyword arguments of that table's own `load`.

  Raises:
    UserError: There is no such table or option, or the file is not it.

  Example:
    >>> load('nasbench201', 'table.csv.gz', dataset='mnist')
    Traceback (most recent call last):
    effnas.errors.UserError: unknown data set of NAS-Bench-201 'mnist'; known:
      cifar10, cifar100, imagenet16
  """
  if name not in names():
    raise errors.unknown('table', name, names())
  read = importlib.import_module(f'{__name__}.{name}').load
  known = list(inspect.signature(read).parameters)[1:]
  for key in options:
    if key not in known:
      raise errors.unknown(f'option of table {name}', key, known)
  arguments.values(read, {'path': path, **options}, 'table.')
  return read(path, **options)
