"""Regularized evolution: the best of a tournament mutates, the oldest dies."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  population: int = 20,
  tournament: int = 5,
) -> dict[str, Any]:
  """Mutates the winner of a tournament among the youngest trials.

  With one objective this is the published algorithm; with several, Pareto rank
  and crowding distance decide the tournament.

  Args:
    space: The space.
    problem: Says what is better.
    trials: The trials to look at.
    rng: The source of chance.
    population: How many trials live; as many are drawn at random first.
    tournament: How many of them meet, drawn with replacement.

  Reference:
    Real et al. 2019, "Regularized evolution for image classifier architecture
    search", arXiv:1802.01548, algorithm 1.
  """
  alive = [t for t in trials if t.status == 'done'][-population:]
  if len(alive) < population:
    return space.sample(rng)
  places = pareto.places(problem.scores(alive))
  rivals = rng.integers(population, size=tournament)
  return space.mutate(alive[min(rivals, key=places.__getitem__)].arch, rng)
