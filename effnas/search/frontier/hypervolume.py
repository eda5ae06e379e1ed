"""What single points add to a hypervolume, and which few keep most of it.

Points are arrays of shape (points, objectives), to be minimised. The volume
itself is `effnas.search.frontier.pareto.hypervolume`.
"""

from collections.abc import Sequence
import heapq

import numpy as np

from effnas.search.frontier import pareto


def contributions(
  points: np.ndarray, reference: Sequence[float] | np.ndarray
) -> np.ndarray:
  """Returns the volume that each point alone dominates. Exact.

  Args:
    points: Shape (points, objectives).
    reference: The worst corner, shape (objectives,).

  Returns:
    Shape (points,); 0 for dominated points, where two are equal, for points
    with NaN, and where the others' share of an infinite volume is infinite.

  Reference:
    While, Bradstreet and Barone 2012, "A fast way of calculating exact
    hypervolumes", IEEE Transactions on Evolutionary Computation 16(1): the
    others count only as far as they reach into a point's box.

  Example:
    >>> contributions(np.array([[1, 2], [2, 1], [2, 2]]), (3, 3)).tolist()
    [1.0, 1.0, 0.0]
  """
  points = np.asarray(points, float)
  return np.array(
    [
      _added(point, np.delete(points, i, axis=0), reference)
      for i, point in enumerate(points)
    ]
  )


def subset(
  points: np.ndarray, count: int, reference: Sequence[float] | np.ndarray
) -> list[int]:
  """Picks points one by one, each adding the most volume to those before.

  Args:
    points: Shape (points, objectives).
    count: How many to pick.
    reference: The worst corner, shape (objectives,).

  Returns:
    The indices of at most `count` points, in the order of picking; those that
    add nothing come last.

  Reference:
    Guerreiro, Fonseca and Paquete 2016, "Greedy hypervolume subset selection in
    low dimensions", Evolutionary Computation 24(3); what a point adds only
    shrinks, so that few are counted anew (Minoux 1978).

  Example:
    >>> subset(np.array([[0, 3], [1, 1], [3, 0]]), 2, (4, 4))
    [1, 0]
  """
  points = np.asarray(points, float)
  picked: list[int] = []
  heap = [
    (-_added(point, points[:0], reference), i) for i, point in enumerate(points)
  ]
  heapq.heapify(heap)
  while heap and len(picked) < count:
    _, i = heapq.heappop(heap)
    gain = _added(points[i], points[picked], reference)
    if not heap or (-gain, i) <= heap[0]:
      picked.append(i)
    else:
      heapq.heappush(heap, (-gain, i))
  return picked


def _added(
  point: np.ndarray, others: np.ndarray, reference: Sequence[float] | np.ndarray
) -> float:
  corner = np.asarray(reference, float)
  if not (point < corner).all():  # So it is with NaN.
    return 0.0
  shared = pareto.hypervolume(np.maximum(others, point), corner.tolist())
  if np.isinf(shared):
    return 0.0
  return float(np.prod(corner - point)) - shared
