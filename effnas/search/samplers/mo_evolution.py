"""Multi-objective regularized evolution: the old die, but not off the front."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto
from effnas.search.proposing import screening


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  population: int = 10,
  tournament: int = 5,
) -> dict[str, Any]:
  """Mutates the winner of a tournament among the young and the front.

  Where `regularized_evolution` forgets whatever is old, here the front of all
  trials stays alive. Pareto rank and then crowding distance decide.

  Args:
    space: The space.
    problem: Says what is better.
    trials: The trials to look at.
    rng: The source of chance.
    population: How many of the youngest live; as many are random first.
    tournament: How many of all the living meet, drawn with replacement.

  Reference:
    Real et al. 2019, "Regularized evolution for image classifier architecture
    search", arXiv:1802.01548; the archive that never dies is that of Zitzler
    and Thiele 1999, "Multiobjective evolutionary algorithms: a comparative case
    study and the strength Pareto approach".
  """
  done = screening.done(trials)
  if len(done) < population:
    return space.sample(rng)
  points = problem.scores(done)
  young = np.arange(len(done) - population, len(done))
  alive = np.union1d(young, pareto.front(points))
  places = pareto.places(points[alive])
  rivals = rng.integers(len(alive), size=tournament)
  return space.mutate(
    done[alive[min(rivals, key=places.__getitem__)]].arch, rng
  )
