"""Samplers: each file here is one, under its own name.

A sampler is one pure function

    propose(space, problem, trials, rng, **args) -> arch

Args:
  space: The `effnas.space.Space`: `sample`, `mutate`, `crossover`, ...
  problem: The `Problem`; `problem.scores(done)` are the objectives of done
    trials, to be minimised.
  trials: The finished trials that it may look at, failed ones included, in
    order of id (of their finishing where the search is asynchronous), then
    those still running (status 'proposed', without results).
  rng: The only source of chance, seeded for this one trial.
  **args: The sampler's own keyword arguments, all with defaults.

Where it proposes an architecture that was tried before or breaks a constraint,
it is asked again with the same `rng`. Add a sampler by adding a file;
`random.py` is the smallest example.
"""

from collections.abc import Callable, Mapping
import functools
import importlib
import inspect
import pkgutil
from typing import Any

from effnas import errors


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
  defaults = {
    key: parameter.default
    for key, parameter in inspect.signature(propose).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
  }
  for key, value in args.items():
    if key not in defaults:
      raise errors.unknown(f'argument of sampler {name}', key, defaults)
    _check(f'{name}.{key}', value, defaults[key])
  return functools.partial(propose, **args)


def _check(name: str, value: Any, default: Any) -> None:
  # Two kinds of numbers: counts (default an int) and probabilities.
  number = isinstance(value, int | float) and not isinstance(value, bool)
  if isinstance(default, int) and (not isinstance(value, int) or value < 1):
    raise errors.UserError(
      f'{name} must be a whole number of at least 1, got {value!r}'
    )
  if isinstance(default, float) and not (number and 0 <= value <= 1):
    raise errors.UserError(f'{name} must lie in 0 to 1, got {value!r}')
