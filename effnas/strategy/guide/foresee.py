"""What a network will cost, before any training."""

from collections.abc import Mapping
import itertools
from typing import Any

from effnas import errors
from effnas.search import problem
from effnas.search.networks import candidate, costs
from effnas.space import choices
from effnas.strategy.guide import fixed
from effnas.strategy.guide import plan as plan_lib
from effnas.strategy.guide import point as point_lib

SPARSITIES = (0.5, 0.75, 0.9)
BITS = (8, 4)


def footprint(plan: plan_lib.Plan, point: point_lib.Point) -> Mapping[str, Any]:
  """Returns what a network costs, by metric, from shapes alone.

  Args:
    plan: Of the walk.
    point: The network.
  """
  config = {**point.config, **point.space(), 'search': plan.search()}
  asked = costs.asked(config, candidate.load_data(config))
  return asked.measure(candidate.build(config, {}))


def cheaper(
  plan: plan_lib.Plan,
  candidates: Mapping[str, point_lib.Point],
  than: float,
) -> dict[str, point_lib.Point]:
  """Returns the networks that cost less.

  Args:
    plan: Of the walk.
    candidates: The networks, by what they are called.
    than: The bound on the plan's cost.
  """
  return {
    said: point
    for said, point in candidates.items()
    if footprint(plan, point)[plan.cost] < than
  }


def compressed(
  plan: plan_lib.Plan, point: point_lib.Point
) -> dict[str, point_lib.Point]:
  """Returns a network under each sparsity and number of bits that is offered.

  Args:
    plan: Of the walk.
    point: The network.

  Returns:
    By what is done to it; uncompressed is among them.
  """
  sparsities = plan.options('compress.prune.sparsity', SPARSITIES)
  bits = plan.options('compress.quantize.weights', BITS)
  if not point.float:
    bits = ()
  found = {}
  for sparsity, width in itertools.product((0, *sparsities), (None, *bits)):
    words: list[str] = []
    changes: dict[str, Any] = {}
    if sparsity:
      words.append(f'{100 * sparsity:.3g} % pruned')
      changes |= plan.settings('prune')
      changes['compress.prune.sparsity'] = sparsity
    if width is not None:
      words.append(f'{width} bits')
      changes |= plan.settings('quantize')
      changes['compress.quantize.weights'] = width
    found[', '.join(words)] = point.replace(changes) if changes else point
  return found


def check(plan: plan_lib.Plan) -> None:
  """Checks that a budget is not below the smallest network of a walk.

  Args:
    plan: Of the walk.

  Raises:
    UserError: It is.
  """
  if not plan.budget:
    return
  axis, point = plan.axis, plan.start
  least = axis.values[0]
  narrow = axis.at(point, least)
  if axis.kind == 'remove' and least < 1:
    narrow = narrow.replace(plan.settings('remove'))
  for name, bound in plan.budget.items():
    smallest = narrow
    said, found = _cheapest(plan, narrow, name)
    if found > bound and 'search' in plan.steps:
      smallest = _searched(plan, narrow, name)
      said, found = _cheapest(plan, smallest, name)
    if found > bound:
      other = '' if smallest.arch == narrow.arch else 'another network'
      how = ', '.join(filter(None, (axis.said(least), other, said)))
      raise errors.UserError(
        f'the budget {problem.bounded(name, bound)} is below the smallest '
        f'network of this walk, {found:g} ({how}); allow that much, or offer '
        'a smaller width with --widths'
      )


def _cheapest(
  plan: plan_lib.Plan, point: point_lib.Point, name: str
) -> tuple[str, float]:
  """Of a network under every compression: what is done to it, its cost."""
  return min(
    (
      (said, footprint(plan, one)[name])
      for said, one in compressed(plan, point).items()
    ),
    key=lambda pair: pair[1],
  )


def _searched(
  plan: plan_lib.Plan, point: point_lib.Point, name: str
) -> point_lib.Point:
  """The network that costs least where one choice is taken after another."""
  args = point.config['space'], point.config['space_args']
  for key, choice in fixed.models(*args).decisions.items():
    if key == plan.axis.key or not isinstance(choice, choices.OneOf):
      continue
    point = min(
      (point, *(point.decided(key, label) for label in choice.labels)),
      key=lambda one: footprint(plan, one)[name],
    )
  return point
