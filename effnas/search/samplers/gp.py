"""Bayesian optimisation by Gaussian processes, for one objective or several."""

from collections.abc import Mapping, Sequence
import math
from typing import Any

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto
from effnas.search.proposing import features as features_lib
from effnas.search.proposing import gaussian_process, moves, screening
from effnas.search.proposing import scalarise as scalarise_lib

_DOUBTS = (1.0, 2.0, 4.0)  # what deviations are multiplied by
_ROUNDS = 3  # of candidates near the best candidates
_MOST = 400  # trials to learn from: time goes with the cube of it
_MARGIN = 0.5  # of the front's range, from its worst values to the reference
_GRID = np.linspace(-8, 8, 20_001)
_NORMAL = np.array([0.5 * math.erfc(-z / math.sqrt(2)) for z in _GRID])


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  initial: int = 10,
  candidates: int = 200,
  scalarise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
  """Takes the candidate with the largest expected improvement.

  With several objectives it is that of the hypervolume. The kernel knows
  options from ranges, so that architectures and hyper-parameters can be
  searched together. With one objective, a fitted process is too sure of itself
  and may stay on a local optimum; so its deviations are taken once, twice or
  four times, as chance decides for each trial.

  Args:
    space: The space.
    problem: Any number of objectives.
    trials: The trials to look at; it learns from 400 of them at most.
    rng: The source of chance.
    initial: How many random trials come first.
    candidates: How many to compare in each of three rounds, the later ones near
      the best of the earlier.
    scalarise: How several objectives become one; see
      `effnas.search.proposing.scalarise`.

  Reference:
    Jones, Schonlau and Welch 1998, "Efficient global optimization of expensive
    black-box functions"; Emmerich, Giannakoglou and Naujoks 2006, "Single- and
    multiobjective evolutionary optimization assisted by Gaussian random field
    metamodels", on the hypervolume.
  """
  done = screening.done(trials)
  points = problem.scores(done)
  if scalarise is not None:
    points = scalarise_lib.scores(problem, done, scalarise, 'gp')[:, None]
  if len(done) < max(2, initial):
    return space.sample(rng)
  places = np.argsort(pareto.places(points))
  best = [done[i].arch for i in places[:10]]
  kept = _kept(places)
  points = points[kept]
  features = features_lib.Features(space)
  rows = features.rows(done[i].arch for i in kept)
  values = np.stack([_evened(column) for column in points.T], axis=1)
  apart = features.apart(rows, rows)
  models = [gaussian_process.GaussianProcess(apart, v) for v in values.T]
  gain = _improvement(values)
  doubt = rng.choice(_DOUBTS) if len(models) == 1 else 1.0

  def rate(archs):
    away = features.apart(features.rows(archs), rows)
    found = [model.predict(away) for model in models]
    mean, deviation = (
      np.stack(part, axis=1) for part in zip(*found, strict=True)
    )
    return gain(mean, doubt * deviation)

  pool = [space.sample(rng) for _ in range(candidates // 2)]
  pool += moves.around(space, best, candidates - len(pool), rng)
  gains = rate(pool)
  for _ in range(_ROUNDS - 1):
    top = [pool[i] for i in np.argsort(-gains, kind='stable')[:10]]
    more = list(moves.around(space, top, candidates, rng))
    pool, gains = pool + more, np.append(gains, rate(more))
  ordered = (pool[i] for i in np.argsort(-gains, kind='stable'))
  found = screening.first_new(problem, ordered, screening.tried(trials))
  return space.sample(rng) if found is None else found


def _kept(places: np.ndarray) -> np.ndarray:
  """The trials to learn from: of many the best, and some of all others."""
  if len(places) <= _MOST:
    return np.arange(len(places))
  rest = np.linspace(_MOST // 2, len(places) - 1, _MOST - _MOST // 2)
  return np.sort(places[np.append(np.arange(_MOST // 2), rest.astype(int))])


def _evened(values: np.ndarray) -> np.ndarray:
  """Draws outliers on the bad side in: a failed training tells little more."""
  middle, best = np.median(values), values.min()
  worst = middle + 3 * max(middle - best, 1e-12)
  return np.minimum(values, worst)


def _improvement(values: np.ndarray):
  """Returns a function of means and deviations, shape (points, objectives).

  It gives the expected volume that each of these points adds, exactly; with one
  objective that is the expected improvement.
  """
  front = np.unique(values[pareto.front(values)], axis=0)
  low, high = front.min(axis=0), front.max(axis=0)
  worst = np.where(high > low, high, values.max(axis=0))
  corner = worst + _MARGIN * (worst - low)
  if values.shape[1] == 1:
    corner = low

  def expected(mean, deviation):
    levels = np.vstack([front, corner])
    z = (levels[:, None] - mean) / deviation
    bell = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    chance = np.interp(z, _GRID, _NORMAL, left=0, right=1)
    return _added(front, deviation * np.maximum(z * chance + bell, 0))

  return expected


def _added(front: np.ndarray, below: np.ndarray) -> np.ndarray:
  """Returns the integral of the chance to dominate, over what the front leaves.

  In slices along the last objective, as hypervolumes are computed: in a slice
  only those points of the front count that are not above it.

  Args:
    front: Shape (points, objectives).
    below: For each point of the front, and then the reference point, the
      integral up to there of a candidate's chance to be below, shape (points +
      1, candidates, objectives).

  Returns:
    Shape (candidates,).
  """
  if not len(front):
    return below[-1].prod(axis=-1)
  if front.shape[1] == 1:
    return below[front[:, 0].argmin(), :, 0]
  order = np.argsort(front[:, -1], kind='stable')
  ends = np.append(order, len(front))
  total = start = np.zeros(below.shape[1])
  for i, end in enumerate(ends):
    depth = below[end, :, -1] - start
    start = below[end, :, -1]
    flat = front[order[:i], :-1]
    kept = pareto.front(flat) if i else order[:0]
    rows = np.append(order[kept], -1) if i else np.array([-1])
    total = total + depth * _added(flat[kept], below[rows, :, :-1])
  return total
