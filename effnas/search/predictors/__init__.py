"""Predictors: each file here learns a metric of architectures, under its name.

A predictor is one function

    fit(space, archs, values, rng, **args) -> predict

Args:
  space: The `effnas.space.Space` that the architectures are of.
  archs: Architectures, at least one.
  values: Of each the metric, shape (architectures,), finite.
  rng: The only source of chance.
  **args: The predictor's own keyword arguments, all with defaults.

What it returns is a function of other architectures of the space. It gives two
arrays of shape (architectures,) in the unit of the values: what is expected,
and the spread of that, the standard deviation of the model's own doubt.

Each takes the rows that suit it from `effnas.search.proposing.features`, which
knows options from ranges; `Space.encode` has both in one row of numbers. Add a
predictor by adding a file; `gp.py` is the smallest example.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
import functools
import importlib
import pkgutil
from typing import Any

import numpy as np

from effnas import arguments, errors
from effnas.search import plain

Archs = Iterable[Mapping[str, Any]]
Predict = Callable[[Archs], tuple[np.ndarray, np.ndarray]]


def names() -> list[str]:
  """Returns the names of all predictors."""
  return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str, args: Mapping[str, Any]) -> Callable[..., Predict]:
  """Returns a predictor with its own arguments given.

  Args:
    name: One of `names()`.
    args: The predictor's own keyword arguments.

  Returns:
    A function of (space, archs, values, rng), for which the order of the
    architectures is of no account.

  Raises:
    UserError: There is no such predictor, or it takes no such argument.

  Example:
    >>> load('trees', {'tres': 50})
    Traceback (most recent call last):
    effnas.errors.UserError: unknown argument of predictor trees 'tres'; did
      you mean 'trees'?
  """
  if name not in names():
    raise errors.unknown('predictor', name, names())
  fit = importlib.import_module(f'{__name__}.{name}').fit
  arguments.check(fit, args, 'predictor', name)
  return functools.partial(_sorted, functools.partial(fit, **args))


def _sorted(
  fit: Callable[..., Predict],
  space: Any,
  archs: Sequence[Mapping[str, Any]],
  values: Sequence[float] | np.ndarray,
  rng: np.random.Generator,
) -> Predict:
  """Fits in an order that is the architectures' own."""
  values = np.asarray(values, float)
  keys = [plain.key(arch) for arch in archs]
  order = sorted(range(len(keys)), key=lambda i: (keys[i], values[i]))
  return fit(space, [archs[i] for i in order], values[order], rng)
