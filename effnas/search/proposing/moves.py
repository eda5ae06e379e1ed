"""Candidates for models to rank: what lies near good architectures."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

_WIDTHS = (0.02, 0.1, 0.3)  # of steps in a range, which has length 1


def nearby(
  space: Any, arch: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
  """Changes a decision or a few: one more with the chance 1/2, and so on.

  Args:
    space: The space.
    arch: An architecture.
    rng: The source of chance.

  Returns:
    A new architecture; options are drawn among the others, in ranges there are
    steps of different lengths; what is activated is drawn.
  """
  decisions = space.decisions
  able = [key for key in arch if not decisions[key].single]
  count = min(len(able), rng.geometric(0.5))
  changed = {able[i] for i in rng.choice(len(able), count, replace=False)}

  def decide(key, choice):
    if key not in arch:
      return choice.sample(rng)
    if key not in changed:
      return arch[key]
    if choice.width > 1:
      return choice.other(arch[key], rng)
    step = rng.normal(0, rng.choice(_WIDTHS))
    moved = choice.decode(np.array(choice.encode(arch[key])) + step)
    return choice.other(arch[key], rng) if moved == arch[key] else moved

  return space.walk(decide)


def around(
  space: Any,
  archs: Sequence[Mapping[str, Any]],
  count: int,
  rng: np.random.Generator,
) -> Iterator[dict[str, Any]]:
  """Yields candidates near to some architectures, as many for each.

  Args:
    space: The space.
    archs: The architectures.
    count: How many candidates in all.
    rng: The source of chance.
  """
  for i in range(count):
    yield nearby(space, archs[i % len(archs)], rng)
