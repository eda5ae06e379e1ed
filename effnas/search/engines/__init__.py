"""Engines: each file here is one, under its own name."""

from collections.abc import Callable
import importlib
import pkgutil
from typing import Any


def names() -> list[str]:
  """Returns the names of all engines."""
  return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Callable[..., Any]:
  """Returns an engine's `run`; only this imports what the engine needs.

  An engine is a function

      run(conductor, evaluate, task, settings, on_change)

  that takes trials from `conductor.next()`, has each evaluated with
  `evaluation.run(evaluate, task, ...)`, and tells the conductor about it, until
  the conductor is exhausted and all trials are finished. It calls
  `on_change()` after each change of a trial.

  Args:
    name: One of `names()`.
  """
  return importlib.import_module(f'{__name__}.{name}').run
