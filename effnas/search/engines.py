"""Finding engines: every file `NAME_engine.py` beside this one is one."""

from collections.abc import Callable
import importlib
import pathlib
import pkgutil
from typing import Any

_SUFFIX = '_engine'


def names() -> list[str]:
  """Returns the names of all engines."""
  folder = str(pathlib.Path(__file__).parent)
  return sorted(
    module.name.removesuffix(_SUFFIX)
    for module in pkgutil.iter_modules([folder])
    if module.name.endswith(_SUFFIX)
  )


def load(name: str) -> Callable[..., Any]:
  """Returns an engine's `run`; only this imports what the engine needs.

  An engine is a function

      run(conductor, evaluate, task, concurrency, on_change)

  that takes trials from `conductor.next()`, has each evaluated with
  `evaluation.run(evaluate, task, ...)`, and tells the conductor about it, until
  the conductor is exhausted and all trials are finished. It calls
  `on_change()` after each change of a trial.

  Args:
    name: One of `names()`.
  """
  return importlib.import_module(f'effnas.search.{name}{_SUFFIX}').run
