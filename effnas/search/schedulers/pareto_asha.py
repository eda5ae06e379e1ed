"""ASHA for several objectives: the first fronts of a rung are promoted."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from effnas import errors
from effnas.search import problem as problem_lib
from effnas.search import proposal as proposal_lib
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto
from effnas.search.schedulers import asha
from effnas.search.scheduling import rungs

_SPREADS = ('crowding', 'net')


def decide(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  propose: Callable[..., dict[str, Any]],
  *,
  max_epochs: int,
  min_epochs: int = 1,
  eta: int = 3,
  enough: int = 20,
  spread: str = 'net',
) -> proposal_lib.Proposal:
  """Does as `asha`; a rung is ordered by front, each front spread out.

  Args:
    space: Not looked at.
    problem: Any number of objectives.
    trials: The trials to look at.
    rng: Not looked at.
    propose: The sampler.
    max_epochs: Of the last rung.
    min_epochs: The first rung has at least so many.
    eta: One of so many goes on to the next rung, eta times as long.
    enough: How many results of a rung the sampler needs; see
      `effnas.search.scheduling.rungs.comparable`.
    spread: How a front is ordered: 'net', the next one is the farthest from
      those before, or 'crowding', the loneliest first.

  Reference:
    Schmucker et al. 2021, "Multi-objective asynchronous successive halving",
    arXiv:2106.12639; the net is that of Salinas et al. 2021, "A
    multi-objective perspective on jointly tuning hardware and
    hyperparameters", arXiv:2106.05680.
  """
  del space, rng
  if spread not in _SPREADS:
    raise errors.unknown('spread of pareto_asha', spread, _SPREADS)

  def order(rung: list[trial_lib.Trial]) -> list[trial_lib.Trial]:
    done = [t for t in rungs.ordered(rung) if t.status == 'done']
    points = problem.scores(done)
    places = net(points) if spread == 'net' else pareto.places(points)
    return [done[i] for i in np.argsort(places)]

  return asha.get_job(
    trials,
    rungs.levels(max_epochs, min_epochs, eta),
    eta,
    order=order,
    propose=lambda: propose(rungs.comparable(trials, enough)),
  )


def net(points: np.ndarray) -> np.ndarray:
  """Orders points by front, and in each front by their distance.

  The first is the point of the first front that is best in the first objective.
  Then comes, again and again, that point of the front that is farthest from all
  which have a place, distances being in parts of the objectives' ranges.

  Args:
    points: Shape (points, objectives), to be minimised. Infinite values are as
      far off as the last finite one; points with NaN come last.

  Returns:
    The place of each point, 0 the best, shape (points,).

  Example:
    >>> net(np.array([[0, 9], [1, 8], [5, 4], [9, 0], [9, 9]])).tolist()
    [0, 3, 2, 1, 4]
  """
  finite = pareto.bounded(points)
  width = np.ptp(finite, axis=0) if len(points) else 1.0
  scaled = finite / np.where(width > 0, width, 1.0)
  rank = pareto.ranks(points)
  near = np.full(len(points), np.inf)  # to the nearest one that has a place
  place = np.empty(len(points), int)
  left = np.ones(len(points), bool)
  for i in range(len(points)):
    front = np.flatnonzero(left & (rank == rank[left].min()))
    first = np.argmin(points[front, 0]) if i == 0 else np.argmax(near[front])
    chosen = front[first]
    place[chosen], left[chosen] = i, False
    apart = np.linalg.norm(scaled - scaled[chosen], axis=1)
    near = np.minimum(near, apart)
  return place
