"""Finding commands: every file beside this one is one.

A command is a module with

- a docstring: one line for the overview, then what `--help` teaches;
- `USAGE`: what stands behind `effnas` on a command line;
- `define(flags)`: defines its absl flags on the `FlagValues` that it is given;
- `run(request)`: does it; see `effnas.cli.request.Request`;
- where a later run goes on with what this one left, `INTERRUPTED`: how.

Its imports at the top are light; what computes is imported in `run`.
"""

import importlib
import pkgutil
from types import ModuleType


def names() -> list[str]:
  """Returns the names of all commands, sorted.

  Example:
    >>> 'search' in names()
    True
  """
  return sorted(info.name for info in pkgutil.iter_modules(__path__))


def load(name: str) -> ModuleType:
  """Returns a command.

  Args:
    name: One of `names()`.
  """
  return importlib.import_module(f'{__name__}.{name}')
