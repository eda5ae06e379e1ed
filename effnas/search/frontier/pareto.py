"""Pareto dominance among points, every objective to be minimised.

Points are arrays of shape (points, objectives). `minimised` turns objectives
where more is better.

Infinities are numbers like others: one is worse than any number, minus one is
better. NaN is no number: a point that holds one ranks behind all that hold
none, is on no front and dominates nothing, whatever else it holds.
"""

import bisect
from collections.abc import Sequence

import numpy as np

from effnas import errors


def minimised(values: np.ndarray, maximize: Sequence[bool]) -> np.ndarray:
  """Turns objectives so that less is better in all of them.

  Args:
    values: Shape (points, objectives).
    maximize: For each objective, whether more is better.

  Returns:
    An array of the same shape.
  """
  signs = np.where(np.asarray(maximize, bool), -1.0, 1.0)
  return np.asarray(values, float).reshape(-1, len(signs)) * signs


def ranks(points: np.ndarray) -> np.ndarray:
  """Sorts points into fronts: 0 is the front, 1 the front without it, ...

  Equal points have equal rank.

  Args:
    points: Shape (points, objectives).

  Returns:
    The rank of each point, shape (points,). Points with NaN share the rank
    after the last one of the others, at least 1.

  Reference:
    Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm:
    NSGA-II", section III.A; the search by bisection is that of Jensen 2003,
    "Reducing the run-time complexity of multiobjective EAs".

  Example:
    >>> ranks(np.array([[1, 4], [2, 2], [3, 3], [4, 1]])).tolist()
    [0, 0, 1, 0]
    >>> ranks(np.array([[1, 4], [np.nan, 0], [np.inf, 5]])).tolist()
    [0, 2, 1]
  """
  points = np.asarray(points, float)
  if not len(points):
    return np.zeros(0, int)
  known = _known(points)
  rank = np.zeros(len(points), int)
  rank[known] = _ranks(points[known])
  rank[~known] = rank.max() + 1
  return rank


def front(points: np.ndarray) -> np.ndarray:
  """Returns the indices of the points that no other point dominates.

  Args:
    points: Shape (points, objectives); none with NaN is among them.
  """
  return np.flatnonzero(ranks(points) == 0)


def crowding(points: np.ndarray) -> np.ndarray:
  """Returns how lonely each point of a front is.

  Args:
    points: One front, shape (points, objectives).

  Returns:
    The crowding distance of each point, infinite at the ends, and 0 with NaN.
    An infinite value stands as far off as the last finite one.

  Reference:
    Deb et al. 2002, section III.B.
  """
  points = np.asarray(points, float)
  known = np.flatnonzero(_known(points))
  distance = np.zeros(len(points))
  for column in points[known].T if len(known) else ():
    order = np.argsort(column, kind='stable')
    # Halves: their differences don't overflow, and their quotients are equal.
    values = _bounded(column[order]) / 2
    width = values[-1] - values[0]
    if width > 0:
      distance[known[order[1:-1]]] += (values[2:] - values[:-2]) / width
    distance[known[order[[0, -1]]]] = np.inf
  return distance


def places(points: np.ndarray) -> np.ndarray:
  """Orders points from best to worst: by rank, then the lonelier first.

  Args:
    points: Shape (points, objectives).

  Returns:
    The place of each point, 0 the best; the earlier point where all is equal.
    Points with NaN come last.

  Reference:
    Deb et al. 2002, the crowded-comparison operator.
  """
  rank = ranks(points)
  lonely = np.zeros(len(rank))
  for r in range(rank.max(initial=-1) + 1):
    members = np.flatnonzero(rank == r)
    lonely[members] = crowding(np.asarray(points)[members])
  place = np.empty(len(rank), int)
  place[np.lexsort((-lonely, rank))] = np.arange(len(rank))
  return place


def hypervolume(points: np.ndarray, reference: Sequence[float]) -> float:
  """Returns the volume that points dominate, up to a reference point. Exact.

  Args:
    points: Shape (points, objectives); those not better than the reference in
      every objective add nothing, nor do those with NaN.
    reference: The worst corner, shape (objectives,), of finite numbers.

  Returns:
    The volume; infinite where a point that adds to it is.

  Raises:
    UserError: The reference is not finite.

  Reference:
    Zitzler and Thiele 1999, "Multiobjective evolutionary algorithms: a
    comparative case study and the strength Pareto approach"; computed by
    slicing the last objective (While et al. 2006).

  Example:
    >>> hypervolume(np.array([[1, 2], [2, 1]]), (3, 3))
    3.0
  """
  corner = np.asarray(reference, float)
  if not np.isfinite(corner).all():
    raise errors.UserError(
      'the reference of a hypervolume is finite in every objective; got '
      f'{corner.tolist()}'
    )
  points = np.asarray(points, float).reshape(-1, len(corner))
  points = points[(points < corner).all(axis=1)]
  if not len(points):
    return 0.0
  if np.isinf(points).any():
    return np.inf
  if len(corner) == 1:
    return float(corner[0] - points.min())
  if len(corner) == 2:
    points = points[np.lexsort((points[:, 1], points[:, 0]))]
    low = np.minimum.accumulate(np.append(corner[1], points[:, 1]))
    return float(((corner[0] - points[:, 0]) * (low[:-1] - low[1:])).sum())
  points = points[front(points)]
  points = points[np.argsort(points[:, -1])]
  depth = np.diff(np.append(points[:, -1], corner[-1]))
  return sum(
    float(d) * hypervolume(points[: i + 1, :-1], reference[:-1])
    for i, d in enumerate(depth)
    if d > 0
  )


def bounded(points: np.ndarray) -> np.ndarray:
  """Moves what is not finite to the ends of the finite values, by objective.

  Args:
    points: Shape (points, objectives).

  Returns:
    Finite numbers, to tell distances by: infinity and NaN are the largest
    finite value of their objective, minus infinity is the least; 0 where an
    objective has none.

  Example:
    >>> bounded(np.array([[1, np.nan], [np.inf, 2], [3, -np.inf]])).tolist()
    [[1.0, 2.0], [3.0, 2.0], [3.0, 2.0]]
  """
  points = np.asarray(points, float)
  return np.apply_along_axis(_bounded, 0, points) if points.size else points


def _bounded(column: np.ndarray) -> np.ndarray:
  finite = column[np.isfinite(column)]
  if len(finite) == len(column):
    return column
  low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
  return np.clip(np.where(np.isnan(column), high, column), low, high)


def _known(points: np.ndarray) -> np.ndarray:
  """Says which points hold no NaN."""
  return ~np.isnan(points).any(axis=1)


def _ranks(points: np.ndarray) -> np.ndarray:
  if not len(points):
    return np.zeros(0, int)
  if points.shape[1] == 1:
    return np.unique(points[:, 0], return_inverse=True)[1].reshape(-1)
  return _ranks_2d(points) if points.shape[1] == 2 else _ranks_nd(points)


def _ranks_2d(points: np.ndarray) -> np.ndarray:
  # In lexicographic order a point is dominated by front r exactly if that
  # front's last point is not above it, and these last points ascend with r.
  order = np.lexsort((points[:, 1], points[:, 0]))
  last: list[float] = []  # smallest second objective of each front
  found, before = [], None
  for x, y in points[order].tolist():
    if before != (x, y):  # equal points share a rank
      r = bisect.bisect_right(last, y)
      last[r : r + 1] = [y]
      before = (x, y)
    found.append(r)
  rank = np.empty(len(points), int)
  rank[order] = found
  return rank


def _ranks_nd(points: np.ndarray) -> np.ndarray:
  rank = np.full(len(points), -1)
  no_worse = np.all(points[:, None] <= points[None], axis=-1)
  beats: np.ndarray = no_worse & ~no_worse.T  # [i, j]: i dominates j
  left = np.arange(len(points))
  level = 0
  while len(left):
    free = ~beats[np.ix_(left, left)].any(axis=0)
    rank[left[free]] = level
    left = left[~free]
    level += 1
  return rank
