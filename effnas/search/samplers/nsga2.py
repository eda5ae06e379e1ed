"""NSGA-II: parents from the best fronts, the lonelier first."""

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
  crossover: float = 0.9,
) -> dict[str, Any]:
  """Crosses and mutates two winners of binary tournaments.

  It is the steady-state form: every trial is a generation of its own, and the
  parents are the best `population` of all trials to be seen, so that no trial
  waits for a generation to be full.

  Args:
    space: The space.
    problem: Says what is better.
    trials: The trials to look at.
    rng: The source of chance.
    population: How many trials may be parents; as many are random first.
    crossover: How likely a child has two parents rather than one.

  Reference:
    Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm:
    NSGA-II", IEEE Transactions on Evolutionary Computation 6(2); steady state
    as in Durillo et al. 2009, "On the effect of the steady-state selection
    scheme in multi-objective genetic algorithms".
  """
  done = [trial for trial in trials if trial.status == 'done']
  if len(done) < population:
    return space.sample(rng)
  places = pareto.places(problem.scores(done))
  parents = np.argsort(places)[:population]  # the best one first

  def tournament() -> dict[str, Any]:
    winner = rng.integers(population, size=2).min()
    return dict(done[parents[winner]].arch)

  child = tournament()
  if rng.random() < crossover:
    child = space.crossover(child, tournament(), rng)
  return space.mutate(child, rng)
