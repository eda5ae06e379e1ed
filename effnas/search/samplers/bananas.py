"""BANANAS: an ensemble of networks rates mutations of the best."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from effnas import errors
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto
from effnas.search.proposing import ensemble, moves, screening
from effnas.search.proposing import features as features_lib
from effnas.search.proposing import paths as paths_lib
from effnas.search.proposing import scalarise as scalarise_lib

_DOUBTS = (1.0, 2.0, 4.0)  # what deviations are multiplied by
_ENCODINGS = ('auto', 'one_hot', 'path')


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  initial: int = 10,
  candidates: int = 100,
  parents: int = 10,
  encoding: str = 'auto',
  scalarise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
  """Takes the best candidate by independent Thompson sampling.

  For each candidate a value is drawn from what the ensemble predicts, normal in
  each objective. With several objectives the best is the first by Pareto rank
  and crowding distance of what was drawn. With one objective, a small ensemble
  is too sure of itself and may stay on a local optimum; so its deviations are
  taken once, twice or four times, as chance decides for each trial.

  Args:
    space: The space.
    problem: Any number of objectives.
    trials: The trials to look at.
    rng: The source of chance.
    initial: How many random trials come first.
    candidates: How many are rated: a quarter random, the others near the best.
    parents: How many of the best trials have candidates near them.
    encoding: 'path', the paths through a cell, 'one_hot', which any space has,
      or 'auto': paths where all decisions are edges of one cell.
    scalarise: How several objectives become one; see
      `effnas.search.proposing.scalarise`.

  Reference:
    White, Neiswanger and Savani 2021, "BANANAS: Bayesian optimization with
    neural architectures for neural architecture search", arXiv:1910.11858.
  """
  inputs = _inputs(space, encoding)
  done = screening.done(trials)
  points = problem.scores(done)
  if scalarise is not None:
    points = scalarise_lib.scores(problem, done, scalarise, 'bananas')[:, None]
  if len(done) < max(2, initial):
    return space.sample(rng)
  best = [done[i].arch for i in np.argsort(pareto.places(points))[:parents]]
  pool = [space.sample(rng) for _ in range(candidates // 4)]
  pool += moves.around(space, best, candidates - len(pool), rng)
  known, asked = inputs(trial.arch for trial in done), inputs(pool)
  doubt = rng.choice(_DOUBTS) if points.shape[1] == 1 else 1.0
  drawn = []
  for column in points.T:
    told = ensemble.Ensemble(known, column, rng).predict(asked)
    spread = doubt * told.std(axis=0, ddof=1)
    drawn.append(rng.normal(told.mean(axis=0), spread))
  order = np.argsort(pareto.places(np.stack(drawn, axis=1)))
  found = screening.first_new(
    problem, (pool[i] for i in order), screening.tried(trials)
  )
  return space.sample(rng) if found is None else found


def _inputs(
  space: Any, encoding: str
) -> Callable[[Iterable[Mapping[str, Any]]], np.ndarray]:
  """Returns a function from architectures to what the networks see of them."""
  if encoding not in _ENCODINGS:
    raise errors.unknown('encoding of sampler bananas', encoding, _ENCODINGS)
  cell = paths_lib.is_cell(space)
  if encoding == 'path' and not cell:
    raise errors.UserError(
      "bananas.encoding 'path' needs a space whose decisions are the edges of "
      "one cell, 'edge_0_1' and so on, as nasbench201; take 'one_hot' or "
      f"'auto' for {', '.join(list(space.decisions)[:3])}, ..."
    )
  if cell and encoding != 'one_hot':
    return paths_lib.Cells(space).rows
  features = features_lib.Features(space)
  return lambda archs: features.one_hot(features.rows(archs))
