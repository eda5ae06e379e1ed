"""Grid search: every architecture in turn."""

from collections.abc import Iterator, Mapping, Sequence
import itertools
from typing import Any

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.proposing import screening


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  points: int = 5,
) -> dict[str, Any]:
  """Takes the grid's next new architecture after the one of the last trial.

  The order is that of `Space.grid`, the last decision changing fastest, and
  begins anew at its end. Where that has nothing new (a range is continuous), or
  a thousand in a row break a constraint, it draws at random.

  Args:
    space: The space.
    problem: Its constraints are kept.
    trials: What was tried.
    rng: Looked at where the grid has nothing new only.
    points: How many values of a continuous range to take, ends included.

  Reference:
    Bergstra and Bengio 2012, "Random search for hyper-parameter optimization",
    JMLR 13, on when a grid is worth it.
  """
  rest = _after(space, trials[-1].arch, points) if trials else ()
  found = screening.first_new(
    problem,
    itertools.chain(rest, space.grid(points)),
    screening.tried(trials),
    most=1000,
  )
  return space.sample(rng) if found is None else found


def _after(
  space: Any, arch: Mapping[str, Any], points: int
) -> Iterator[dict[str, Any]]:
  """Yields what follows an architecture in the order of the grid."""
  start: list[int] | None = None  # which value each active decision takes
  while True:
    taken: list[tuple[int, int]] = []

    def decide(key, choice, start=start, taken=taken):
      values = choice.values(points)
      index = 0
      if start is None:
        index = _nearest(choice, values, arch[key])
      elif len(taken) < len(start):
        index = start[len(taken)]
      taken.append((index, len(values)))
      return values[index]

    here = space.walk(decide)
    if start is not None:
      yield here
    while taken and taken[-1][0] + 1 == taken[-1][1]:
      taken.pop()
    if not taken:
      return
    start = [index for index, _ in taken]
    start[-1] += 1


def _nearest(choice: Any, values: Sequence[Any], value: Any) -> int:
  """The number of the value that is nearest, the same one where it is there."""
  codes = np.array([choice.encode(v) for v in values])
  return int(np.abs(codes - np.array(choice.encode(value))).sum(1).argmin())
