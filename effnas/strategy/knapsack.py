"""The multiple-choice knapsack: one choice for each item, under one limit.

Exact, and for the few best selections instead of one. Items are added one by
one to a list of partial selections; of these, what as many others as are asked
for dominate is dropped, as is what cannot end among the best by the bound of
the linear relaxation, which is that of the items' lower convex hulls.

Reference:
  Sinha and Zoltners, 1979, The Multiple-Choice Knapsack Problem,
  https://doi.org/10.1287/opre.27.3.503 (hulls and the relaxation)
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from effnas import errors

# Far more than networks need; beyond it the result is no longer exact.
_MOST = 200_000


class Selection(NamedTuple):
  """A selection.

  Attributes:
    choices: The index of the choice of each item.
    loss: The sum of their losses.
    cost: The sum of their costs.
  """

  choices: tuple[int, ...]
  loss: float
  cost: float


def best(
  losses: Sequence[Sequence[float]],
  costs: Sequence[Sequence[float]],
  limit: float,
  count: int = 1,
) -> list[Selection]:
  """Finds the selections of least loss whose cost is within a limit.

  Args:
    losses: By item and choice; finite.
    costs: Likewise; finite.
    limit: What the costs of a selection may add up to.
    count: How many selections to find.

  Returns:
    Up to `count` selections, the best first; among equal losses the cheaper
    first. None where no selection is within the limit.

  Raises:
    UserError: The lists do not fit each other, or hold what is not finite.

  Example:
    >>> best([[0, 3], [0, 2]], [[5, 1], [5, 1]], limit=6)
    [Selection(choices=(0, 1), loss=2.0, cost=6.0)]
  """
  items = [
    (np.asarray(loss, float), np.asarray(cost, float))
    for loss, cost in zip(losses, costs, strict=True)
  ]
  for loss, cost in items:
    if loss.shape != cost.shape or not loss.size:
      raise errors.UserError(
        'each item has a loss and a cost for each of its choices; got '
        f'{loss.size} losses and {cost.size} costs'
      )
    if not (np.isfinite(loss).all() and np.isfinite(cost).all()):
      raise errors.UserError('losses and costs must be finite')
  # Items that cost most decide most; later ones are then quickly bounded.
  order = sorted(range(len(items)), key=lambda i: -np.ptp(items[i][1]))
  ordered = [items[i] for i in order]
  bounds = [_Relaxed(ordered[i:]) for i in range(len(ordered) + 1)]
  found_loss, found_cost = np.zeros(1), np.zeros(1)
  steps: list[tuple[np.ndarray, np.ndarray]] = []
  for (loss, cost), bound in zip(ordered, bounds[1:], strict=True):
    parents, choices = np.divmod(
      np.arange(found_loss.size * loss.size), loss.size
    )
    all_loss = found_loss[parents] + loss[choices]
    all_cost = found_cost[parents] + cost[choices]
    kept = _promising(all_loss, all_cost, limit, bound, count)
    found_loss, found_cost = all_loss[kept], all_cost[kept]
    steps.append((parents[kept], choices[kept]))
  found = []
  for last in np.lexsort((found_cost, found_loss))[:count]:
    picked, at = [0] * len(items), last
    for i, (parents, choices) in zip(
      reversed(order), reversed(steps), strict=True
    ):
      picked[i], at = int(choices[at]), parents[at]
    found.append(
      Selection(tuple(picked), float(found_loss[last]), float(found_cost[last]))
    )
  return found


class _Relaxed:
  """The linear relaxation of some items, for any limit on their costs."""

  def __init__(self, items: list[tuple[np.ndarray, np.ndarray]]):
    hulls = [_hull(loss, cost) for loss, cost in items]
    self.cheapest = sum(float(cost[0]) for _, cost in hulls)
    start = sum(float(loss[0]) for loss, _ in hulls)
    gains = np.concatenate([[], *(-np.diff(loss) for loss, _ in hulls)])
    spent = np.concatenate([[], *(np.diff(cost) for _, cost in hulls)])
    steepest = np.argsort(-gains / spent, kind='stable')
    self._spent = np.concatenate([[0.0], np.cumsum(spent[steepest])])
    self._loss = start - np.concatenate([[0.0], np.cumsum(gains[steepest])])

  def least(self, left: np.ndarray) -> np.ndarray:
    """The relaxation's loss, which no selection is below."""
    return np.interp(left - self.cheapest, self._spent, self._loss)

  def reached(self, left: np.ndarray) -> np.ndarray:
    """The loss of a selection that is within the limit."""
    at = np.searchsorted(self._spent, left - self.cheapest, side='right') - 1
    return self._loss[np.maximum(at, 0)]


def _hull(loss: np.ndarray, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """The lower convex hull of an item's choices, the cheapest first."""
  points: list[tuple[float, float]] = []
  for i in np.lexsort((loss, cost)):
    x, y = float(cost[i]), float(loss[i])
    if points and y >= points[-1][1]:
      continue  # dominated
    while len(points) > 1:
      (x0, y0), (x1, y1) = points[-2:]
      if (y1 - y0) * (x - x1) < (y - y1) * (x1 - x0):
        break
      points.pop()
    points.append((x, y))
  hull = np.array(points)
  return hull[:, 1], hull[:, 0]


def _promising(
  loss: np.ndarray,
  cost: np.ndarray,
  limit: float,
  bound: _Relaxed,
  count: int,
) -> np.ndarray:
  """Indices of the partial selections that may end among the best."""
  left = limit - cost
  possible = np.flatnonzero(left >= bound.cheapest)
  if not possible.size:
    return possible
  loss, cost, left = loss[possible], cost[possible], left[possible]
  if possible.size > count:
    ends = loss + bound.reached(left)
    worst = np.partition(ends, count - 1)[count - 1]
    slack = 1e-12 * max(1.0, abs(worst))
    within = loss + bound.least(left) <= worst + slack
    possible, loss, cost = possible[within], loss[within], cost[within]
  kept = _fronts(loss, cost, count)
  return possible[kept[np.argsort(loss[kept], kind='stable')][:_MOST]]


def _fronts(loss: np.ndarray, cost: np.ndarray, count: int) -> np.ndarray:
  """Indices of what fewer than `count` others dominate, and some more."""
  left = np.lexsort((loss, cost))
  kept = []
  for _ in range(count):
    before = np.minimum.accumulate(np.concatenate([[np.inf], loss[left]]))
    on = loss[left] < before[:-1]
    kept.append(left[on])
    left = left[~on]
  return np.concatenate(kept)
