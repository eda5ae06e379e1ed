"""BANANAS: an ensemble of networks rates mutations of the best."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto
from effnas.search.proposing import ensemble, moves, screening
from effnas.search.proposing import features as features_lib
from effnas.search.proposing import scalarise as scalarise_lib


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  initial: int = 10,
  candidates: int = 100,
  parents: int = 10,
  scalarise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
  """Takes the best candidate by independent Thompson sampling.

  For each candidate a value is drawn from what the ensemble predicts, normal in
  each objective. With several objectives the best is the first by Pareto rank
  and crowding distance of what was drawn.

  Args:
    space: The space.
    problem: Any number of objectives.
    trials: The trials to look at.
    rng: The source of chance.
    initial: How many random trials come first.
    candidates: How many are rated: a quarter random, the others near the best.
    parents: How many of the best trials have candidates near them.
    scalarise: How several objectives become one; see
      `effnas.search.proposing.scalarise`.

  Reference:
    White, Neiswanger and Savani 2021, "BANANAS: Bayesian optimization with
    neural architectures for neural architecture search", arXiv:1910.11858; with
    one-hot codes, as any space has them, instead of its paths through a cell.
  """
  done = screening.done(trials)
  points = problem.scores(done)
  if scalarise is not None:
    points = scalarise_lib.scores(problem, done, scalarise, 'bananas')[:, None]
  if len(done) < max(2, initial):
    return space.sample(rng)
  features = features_lib.Features(space)

  def inputs(archs):
    return features.one_hot(features.rows(archs))

  best = [done[i].arch for i in np.argsort(pareto.places(points))[:parents]]
  pool = [space.sample(rng) for _ in range(candidates // 4)]
  pool += moves.around(space, best, candidates - len(pool), rng)
  known, asked = inputs(trial.arch for trial in done), inputs(pool)
  drawn = []
  for column in points.T:
    told = ensemble.Ensemble(known, column, rng).predict(asked)
    drawn.append(rng.normal(told.mean(axis=0), told.std(axis=0, ddof=1)))
  order = np.argsort(pareto.places(np.stack(drawn, axis=1)))
  found = screening.first_new(
    problem, (pool[i] for i in order), screening.tried(trials)
  )
  return space.sample(rng) if found is None else found
