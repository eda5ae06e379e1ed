"""Latin hypercube sampling: every part of every range, equally often."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.proposing import screening, unit_cube

# A design of so many points is whole with so many trials only.
MADE_FOR_TOTAL = ('points',)


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  points: int = 64,
  scramble: int = 1,
) -> dict[str, Any]:
  """Takes the next point of a Latin hypercube that is new.

  Among the `points` of one design each decision has each `points`-th part of
  its range once. After them a new design follows.

  Args:
    space: The space.
    problem: Its constraints are kept.
    trials: Their number says which point is next.
    rng: Looked at where no point is new only.
    points: The size of a design; best the number of trials.
    scramble: The number of the random permutations, from 1. They do not depend
      on the search's seed, as all trials have to share them.

  Reference:
    McKay, Beckman and Conover 1979, "A comparison of three methods for
    selecting values of input variables", Technometrics 21(2).
  """
  archs = (
    unit_cube.arch(space, point)
    for point in _points(
      len(space.decisions), points, scramble, first=len(trials)
    )
  )
  found = screening.first_new(problem, archs, screening.tried(trials))
  return space.sample(rng) if found is None else found


def _points(
  width: int, count: int, scramble: int, first: int
) -> Iterator[np.ndarray]:
  """Yields the points from the `first` one to the end of the next design."""
  for number in (first // count, first // count + 1):
    rng = np.random.default_rng([scramble, number])
    strata = rng.permuted(np.tile(np.arange(count), (width, 1)), axis=1).T
    design = (strata + rng.random((count, width))) / count
    yield from design[max(0, first - number * count) :]
