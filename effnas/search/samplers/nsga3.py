"""NSGA-III: survivors spread along reference directions."""

from collections.abc import Sequence
import itertools
import math
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
  population: int = 12,
  crossover: float = 0.9,
  tournament: int = 4,
) -> dict[str, Any]:
  """Crosses and mutates survivors of all trials, the better fronts' first.

  As `nsga2` it is the steady-state form, every trial a generation of its own.

  Args:
    space: The space.
    problem: Says what is better; made for three objectives and more.
    trials: The trials to look at.
    rng: The source of chance.
    population: How many trials survive; as many are random first.
    crossover: How likely a child has two parents rather than one.
    tournament: Of how many survivors the one of the best front is a parent; 1
      is the published algorithm.

  Reference:
    Deb and Jain 2014, "An evolutionary many-objective optimization algorithm
    using reference-point-based nondominated sorting approach, part I", IEEE
    Transactions on Evolutionary Computation 18(4).
  """
  done = screening.done(trials)
  if len(done) < population:
    return space.sample(rng)
  points = problem.scores(done)
  alive = survivors(points, population, rng)
  rank = pareto.ranks(points)

  def parent() -> dict[str, Any]:
    rivals = rng.choice(alive, size=tournament)
    return dict(done[min(rivals, key=rank.__getitem__)].arch)

  child = parent()
  if rng.random() < crossover:
    child = space.crossover(child, parent(), rng)
  return space.mutate(child, rng)


def survivors(
  points: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
  """Selects points: whole fronts, then those in the least crowded directions.

  Args:
    points: Shape (points, objectives), to be minimised.
    count: How many survive, at most all.
    rng: Decides between equals.

  Returns:
    Their indices.
  """
  rank = pareto.ranks(points)
  last = np.sort(rank)[count - 1]
  chosen = np.flatnonzero(rank < last).tolist()
  left = np.flatnonzero(rank == last).tolist()
  seen = np.flatnonzero(rank <= last)
  near, far = np.zeros(len(points), int), np.zeros(len(points))
  lines = directions(points.shape[1], count)
  near[seen], far[seen] = _associate(_normalised(points[seen]), lines)
  crowd = np.bincount(near[chosen], minlength=len(lines)).astype(float)
  while len(chosen) < count:
    open_lines = np.unique(near[left])
    emptiest = open_lines[crowd[open_lines] == crowd[open_lines].min()]
    line = rng.choice(emptiest)
    members = [i for i in left if near[i] == line]
    if crowd[line]:
      new = members[rng.integers(len(members))]
    else:
      new = min(members, key=far.__getitem__)
    chosen.append(new)
    left.remove(new)
    crowd[line] += 1
  return np.array(chosen)


def directions(objectives: int, most: int) -> np.ndarray:
  """Returns evenly spread directions.

  Args:
    objectives: How many objectives there are.
    most: How many directions there may be.

  Returns:
    Shape (directions, objectives), each summing to 1; at least one for each
    objective.

  Reference:
    Das and Dennis 1998, "Normal-boundary intersection", SIAM Journal on
    Optimization 8(3).

  Example:
    >>> directions(2, 3).tolist()
    [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
  """
  parts = 1
  while (
    objectives > 1 and math.comb(parts + objectives, objectives - 1) <= most
  ):
    parts += 1
  bars = itertools.combinations(range(parts + objectives - 1), objectives - 1)
  ends = np.array([(-1, *b, parts + objectives - 1) for b in bars])
  return (np.diff(ends, axis=1) - 1) / parts


def _normalised(points: np.ndarray) -> np.ndarray:
  """Moves the best to 0 and the plane through the extreme points to 1."""
  moved = points - points.min(axis=0)
  width = moved.shape[1]
  weights = np.where(np.eye(width, dtype=bool), 1.0, 1e6)
  ends = moved[(moved[None] * weights[:, None]).max(axis=2).argmin(axis=1)]
  if np.linalg.matrix_rank(ends) == width:
    slopes = np.linalg.solve(ends, np.ones(width))
    if (slopes > 1e-12).all():
      return moved * slopes
  front = moved[pareto.front(moved)].max(axis=0)
  spread = np.where(front > 0, front, moved.max(axis=0))
  return moved / np.where(spread > 0, spread, 1.0)


def _associate(
  points: np.ndarray, lines: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns each point's nearest line through 0 and its distance from it."""
  unit = lines / np.linalg.norm(lines, axis=1, keepdims=True)
  along = points @ unit.T
  squares = (points**2).sum(axis=1, keepdims=True) - along**2
  return squares.argmin(axis=1), np.maximum(squares, 0).min(axis=1) ** 0.5
