"""Architectures as points of the unit cube, one coordinate for a decision."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def arch(space: Any, point: Sequence[float] | np.ndarray) -> dict[str, Any]:
  """Returns the architecture of a point.

  Evenly spread points give evenly spread values: each option, or each integer,
  owns an interval of the same length; real ranges are scaled, logarithmic ones
  in the logarithm. Coordinates of inactive decisions do not matter.

  Args:
    space: The `effnas.space.Space`.
    point: Shape (decisions,), each from 0 to 1.

  Example:
    >>> from effnas import space
    >>> s = space.Space((space.oneof('a', 'b'), space.uniform(0, 4)))
    >>> arch(s, [0.6, 0.5])
    {'0': 'b', '1': 2.0}
  """
  units = dict(zip(space.decisions, point, strict=True))

  def decide(key, choice):
    unit = float(units[key])
    if choice.continuous:
      return choice.decode(np.array([unit]))
    values = choice.values()
    return values[min(int(unit * len(values)), len(values) - 1)]

  return space.walk(decide)
