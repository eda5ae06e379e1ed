"""Which of the networks that a step tried the walk goes on with."""

from collections.abc import Sequence

import numpy as np

from effnas.search import metrics
from effnas.search.frontier import pareto
from effnas.strategy.guide import here as here_lib
from effnas.strategy.guide import plan as plan_lib


def choose(
  kind: str,
  plan: plan_lib.Plan,
  floor: float,
  at: here_lib.Tried,
  tried: Sequence[here_lib.Tried],
) -> tuple[here_lib.Tried | None, str]:
  """Chooses.

  Args:
    kind: Of the step; see `effnas.strategy.guide.steps`.
    plan: Of the walk.
    floor: The least quality that shrinking keeps.
    at: Where the walk stands.
    tried: What the step tried.

  Returns:
    The network that is kept, or the nearest to it, and why it is not kept, ''
    where it is.
  """
  if not tried:
    return None, 'no trial finished'
  quality, cost = plan.quality, plan.cost
  best = max(tried, key=lambda t: (t.values[quality], -t.values[cost]))
  if kind == 'fit':
    return best, ''
  if kind in ('improve', 'grow'):
    better = best.values[quality] > at.values[quality]
    return best, '' if better else 'no better than before'
  good = [t for t in tried if t.values[quality] >= floor]
  if not good:
    lost = 100 * (floor - best.values[quality])
    return best, f'{lost:.2g} points under what is to be kept'
  least = min(good, key=lambda t: (t.values[cost], -t.values[quality]))
  if (least.values[cost], -least.values[quality]) >= (
    at.values[cost],
    -at.values[quality],
  ):
    return least, f'no smaller in {cost} than before'
  return least, ''


def front(
  plan: plan_lib.Plan, tried: Sequence[here_lib.Tried]
) -> list[here_lib.Tried]:
  """Returns the networks of a walk that no other dominates, cheapest first.

  Args:
    plan: Of the walk.
    tried: Of all steps.
  """
  names = (plan.quality, plan.cost)
  points = np.array([[t.values[n] for n in names] for t in tried], float)
  up = [metrics.parse(name).maximize for name in names]
  found = [tried[i] for i in pareto.front(pareto.minimised(points, up))]
  return sorted(found, key=lambda t: (t.values[plan.cost], t.step, t.trial))


def recommend(
  plan: plan_lib.Plan, floor: float, tried: Sequence[here_lib.Tried]
) -> here_lib.Tried:
  """Returns the network to take.

  Args:
    plan: Of the walk.
    floor: The least quality that shrinking keeps.
    tried: Of all steps, the baseline first.

  Returns:
    Growing, the best of those within the budget. Shrinking, the cheapest of
    those that keep the quality and the budget; without one within the budget
    the cheapest that keeps the quality. Without any the cheapest.
  """
  quality, cost = plan.quality, plan.cost
  within = [t for t in tried if fits(plan, t)]
  if plan.goal == 'grow':
    if not within:
      return min(tried, key=lambda t: t.values[cost])
    return max(within, key=lambda t: (t.values[quality], -t.values[cost]))
  good = [t for t in tried if t.values[quality] >= floor]
  both = [t for t in good if fits(plan, t)] or good
  return min(both, key=lambda t: (t.values[cost], -t.values[quality]))


def fits(plan: plan_lib.Plan, one: here_lib.Tried) -> bool:
  """Says whether a network keeps to the budget."""
  return all(one.values[name] <= bound for name, bound in plan.budget.items())
