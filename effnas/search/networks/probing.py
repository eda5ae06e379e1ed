"""What would make every trial of a search fail alike, told before it."""

from collections.abc import Callable, Mapping
import json
from typing import Any

import numpy as np

from effnas import errors, words

_TRIED = 8  # archs that are tried before a space is given up


def probe(space: Any, check: Callable[[Mapping[str, Any]], None]) -> None:
  """Tries archs until one will do.

  One that fails on its own is passed over: where the search meets it, it is a
  failed trial.

  Args:
    space: The `effnas.space.Space`.
    check: Of an arch; raises a UserError where something is wrong.

  Raises:
    UserError: All of several archs fail: the error of the first.

  Example:
    >>> from effnas.space import Space, oneof
    >>> def check(arch):
    ...   if arch['width'] < 8:
    ...     raise errors.UserError('too narrow')
    >>> probe(Space({'width': oneof(4, 8)}), check)
    >>> probe(Space({'width': oneof(2, 4)}), check)
    Traceback (most recent call last):
    effnas.errors.UserError: too narrow
  """
  rng = np.random.default_rng(0)
  reasons: dict[str, errors.UserError] = {}
  for _ in range(_TRIED):
    arch = space.sample(rng)
    key = json.dumps(arch, sort_keys=True)
    if key in reasons:
      continue
    try:
      check(arch)
    except errors.MachineError:
      raise
    except errors.UserError as e:
      reasons[key] = e
    else:
      return
  first, *others = reasons.values()
  if all(str(other) == str(first) for other in others):
    raise first
  raise errors.UserError(
    f'none of {words.number(len(reasons), "arch")} of the space will do: '
    f'{first}'
  ) from first
