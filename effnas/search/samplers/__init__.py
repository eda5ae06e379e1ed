"""Samplers: each file here is one, under its own name.

A sampler is one pure function

    propose(space, problem, trials, rng, **args) -> arch

Args:
  space: The `effnas.space.Space`: `sample`, `mutate`, `crossover`, ...
  problem: The `Problem`; `problem.scores(done)` are the objectives of done
    trials, to be minimised.
  trials: The trials before this one, in order of id (of their finishing where
    the search is asynchronous); those whose results it may not see come last,
    as if they still ran (status 'proposed').
  rng: The only source of chance, seeded for this one trial.
  **args: The sampler's own keyword arguments, all with defaults. A plain int
    is a count, 1 or more, and a plain float a share, from 0 to 1; another range
    is stated in the annotation, see `effnas.arguments`.

Where it proposes an architecture that was tried before or breaks a constraint,
it is asked again with the same `rng`. It is not told how many trials there
shall be, so a finished search may go on with more; arguments that users set to
that number it names in `MADE_FOR_TOTAL`, and a search that did is not extended.
Add a sampler by adding a file; `random.py` is the smallest example.
"""

from collections.abc import Callable, Mapping
import functools
import importlib
import pkgutil
from typing import Any

from effnas import arguments, errors


def names() -> list[str]:
  """Returns the names of all samplers."""
  return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str, args: Mapping[str, Any]) -> Callable[..., dict[str, Any]]:
  """Returns a sampler with its own arguments given.

  Args:
    name: One of `names()`.
    args: The sampler's own keyword arguments.

  Returns:
    A function of (space, problem, trials, rng).

  Raises:
    UserError: There is no such sampler, or it takes no such argument.

  Example:
    >>> load('nsga2', {'populaton': 8})
    Traceback (most recent call last):
    effnas.errors.UserError: unknown argument of sampler nsga2 'populaton'; did
      you mean 'population'?
  """
  if name not in names():
    raise errors.unknown('sampler', name, names())
  propose = importlib.import_module(f'{__name__}.{name}').propose
  arguments.check(propose, args, 'sampler', name)
  return functools.partial(propose, **args)
