"""Multi-objective TPE: good is what the hypervolume would miss."""

from collections.abc import Sequence
import math
from typing import Any

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.frontier import hypervolume, pareto
from effnas.search.proposing import screening
from effnas.search.samplers import tpe


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  initial: int = 10,
  good: float = 0.15,
  candidates: int = 64,
) -> dict[str, Any]:
  """Does as `tpe`, with the best fronts as the good trials.

  Of the last of these fronts it takes the points that keep the most
  hypervolume; each good trial weighs as much as it adds to that of all.

  Args:
    space: The space.
    problem: Any number of objectives.
    trials: The trials to look at.
    rng: The source of chance.
    initial: How many random trials come first.
    good: Which part of the trials is good.
    candidates: How many to draw.

  Reference:
    Ozaki et al. 2020, "Multiobjective tree-structured Parzen estimator for
    computationally expensive optimization problems", GECCO 2020.
  """
  done = screening.done(trials)
  if len(done) < max(2, initial):
    return space.sample(rng)
  chosen, weights = _split(problem.scores(done), math.ceil(good * len(done)))
  among = set(chosen)
  return tpe.likeliest(
    space,
    problem,
    trials,
    rng,
    better=[done[i] for i in chosen],
    worse=[trial for i, trial in enumerate(done) if i not in among],
    weights=weights,
    candidates=candidates,
  )


def _split(points: np.ndarray, count: int) -> tuple[list[int], np.ndarray]:
  """Returns the good points and how much each of them weighs."""
  rank = pareto.ranks(points)
  scaled, corner = _scaled(points)
  chosen: list[int] = []
  for r in range(rank.max() + 1):
    members = np.flatnonzero(rank == r)
    room = count - len(chosen)
    if len(members) > room:
      picked = hypervolume.subset(scaled[members], room, corner)
      members = members[picked]
    chosen += members.tolist()
    if len(chosen) >= count:
      break
  added = hypervolume.contributions(scaled[chosen], corner)
  return chosen, np.maximum(added / max(added.max(), 1e-300), 0.05)


def _scaled(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns the points, the front in 0 to 1, and the reference point."""
  front = points[pareto.front(points)]
  low, high = front.min(axis=0), front.max(axis=0)
  wide = points.max(axis=0)
  span = np.where(high > low, high - low, np.where(wide > low, wide - low, 1.0))
  scaled = (points - low) / span
  return scaled, 1.1 * np.maximum(scaled.max(axis=0), 1.0)
