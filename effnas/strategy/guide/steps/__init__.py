"""The steps of a walk: each file here is one, under its own name.

A file `NAME.py` has

- a docstring: what the step does;
- `KIND`: 'shrink' (the cheapest network that keeps the quality is taken),
  'improve' (the best one, at the same cost), 'grow' (the best one, at any cost)
  or 'fit' (the best one within the budget);
- `make(plan, here) -> effnas.strategy.guide.step.Step`: the networks to try
  from where the walk stands; it raises `Skip` where there are none.

`prune.py` is the smallest example.
"""

import importlib
import pkgutil
from types import ModuleType


def names() -> list[str]:
  """Returns the names of all steps, sorted.

  Example:
    >>> 'prune' in names()
    True
  """
  return sorted(info.name for info in pkgutil.iter_modules(__path__))


def load(name: str) -> ModuleType:
  """Returns a step.

  Args:
    name: One of `names()`.
  """
  return importlib.import_module(f'{__name__}.{name}')
