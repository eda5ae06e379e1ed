"""Which points of a front to look at: the knee, or a few that stand for all.

Points are arrays of shape (points, objectives), to be minimised.
"""

import numpy as np

from effnas import errors
from effnas.search.frontier import pareto


def knee(points: np.ndarray) -> int:
  """Returns the point with the best compromise.

  With two objectives it is the point of the front that lies deepest below the
  line between the front's ends.

  Args:
    points: Shape (points, objectives), at least one without NaN.

  Returns:
    Its index, the first of several; infinite ones only where all are.

  Raises:
    UserError: No point is on the front.

  Reference:
    Das 1999, "On characterizing the 'knee' of the Pareto curve based on
    normal-boundary intersection", Structural Optimization 18; here each
    objective is scaled to the front's range first.

  Example:
    >>> knee(np.array([[0, 10], [1, 2], [9, 1], [10, 0], [10, 10]]))
    1
  """
  points = np.asarray(points, float)
  front = pareto.front(points)
  if not len(front):
    raise errors.UserError(
      f'a knee needs a point without NaN; got {len(points)} points'
    )
  finite = front[np.isfinite(points[front]).all(axis=1)]
  if not len(finite):
    return int(front[0])
  front = finite
  low, high = points[front].min(axis=0), points[front].max(axis=0)
  scaled = (points[front] - low) / np.where(high > low, high - low, 1.0)
  return int(front[np.argmin(scaled.sum(axis=1))])


def epsilon_front(
  points: np.ndarray, epsilon: float | np.ndarray
) -> np.ndarray:
  """Thins a front out: at most one point in each box of side `epsilon`.

  Each given point without NaN is dominated by a kept one that is improved by
  epsilon. An infinite value is a box of its own.

  Args:
    points: Shape (points, objectives).
    epsilon: What differences do not matter, above 0, one for all objectives or
      shape (objectives,).

  Returns:
    The indices of the kept points, ascending.

  Reference:
    Laumanns et al. 2002, "Combining convergence and diversity in evolutionary
    multiobjective optimization", Evolutionary Computation 10(3).

  Example:
    >>> points = np.array([[0.02, 0.95], [0.03, 0.94], [0.95, 0.0]])
    >>> epsilon_front(points, 0.1).tolist()
    [0, 2]
  """
  points = np.asarray(points, float)
  front = pareto.front(points)
  boxes = np.floor(points[front] / epsilon)
  finite = np.isfinite(boxes)
  inside = np.where(finite, points[front], 0) / epsilon  # from the best corner
  inside = (inside - np.where(finite, boxes, 0)).sum(axis=1)
  kept: dict[tuple[float, ...], int] = {}
  best = pareto.front(boxes)
  for i in sorted(best, key=lambda i: (inside[i], i)):
    kept.setdefault(tuple(boxes[i]), int(front[i]))
  return np.array(sorted(kept.values()), int)


def epsilon(points: np.ndarray, target: np.ndarray) -> float:
  """Returns by how much points must improve to dominate all of a target.

  Args:
    points: Shape (points, objectives); those with NaN dominate nothing.
    target: Shape (others, objectives); none with NaN counts.

  Returns:
    The additive epsilon indicator, at most 0 where they do already: infinite
    where no improvement is enough, minus infinity where any point would be.

  Reference:
    Zitzler et al. 2003, "Performance assessment of multiobjective optimizers:
    an analysis and review", IEEE Transactions on Evolutionary Computation 7(2).

  Example:
    >>> epsilon(np.array([[1, 3], [3, 1]]), np.array([[1, 1]]))
    2.0
  """
  points, target = (
    known[~np.isnan(known).any(axis=1)]
    for known in (np.asarray(points, float), np.asarray(target, float))
  )
  with np.errstate(invalid='ignore'):  # Equal infinities, settled below.
    apart = points[:, None] - target[None]
  apart = np.where(np.isnan(apart), 0.0, apart).max(axis=2, initial=-np.inf)
  return float(apart.min(axis=0, initial=np.inf).max(initial=-np.inf))
