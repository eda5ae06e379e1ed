"""Zero-cost proxies: each file here is one, under its own name.

A proxy guesses from one batch, before any training, how good a network will
be. It is one pure function

    score(net, variables, inputs, labels, rng_key, **args) -> float

Args:
  net: A Linen module whose call takes `train`.
  variables: Its variables as initialised.
  inputs: A prepared batch [N, ...].
  labels: Its classes, int [N].
  rng_key: The only source of chance, where a proxy draws any.
  **args: The proxy's own keyword arguments, all with defaults.

Larger is better, and the score is always finite: a network through which
nothing passes has the least one. Add a proxy by adding a file; `params.py` is
the smallest example.
"""

from collections.abc import Callable, Mapping
import functools
import importlib
import pkgutil
from typing import Any

from effnas import arguments, errors


def names() -> list[str]:
  """Returns the names of all proxies."""
  return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(
  name: str, args: Mapping[str, Any] | None = None
) -> Callable[..., float]:
  """Returns a proxy with its own arguments given.

  Args:
    name: One of `names()`.
    args: The proxy's own keyword arguments.

  Returns:
    A function of (net, variables, inputs, labels, rng_key).

  Raises:
    UserError: There is no such proxy, or it takes no such argument.

  Example:
    >>> load('synflw')
    Traceback (most recent call last):
    effnas.errors.UserError: unknown proxy 'synflw'; did you mean 'synflow'?
  """
  if name not in names():
    raise errors.unknown('proxy', name, names())
  score = importlib.import_module(f'{__name__}.{name}').score
  arguments.check(score, args or {}, 'proxy', name)
  return functools.partial(score, **(args or {}))
