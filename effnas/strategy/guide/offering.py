"""From networks to try to the step that tries them."""

from collections.abc import Mapping

from effnas.strategy.guide import foresee, step
from effnas.strategy.guide import here as here_lib
from effnas.strategy.guide import plan as plan_lib
from effnas.strategy.guide import point as point_lib


def each(
  plan: plan_lib.Plan, candidates: Mapping[str, point_lib.Point], lacking: str
) -> step.Step:
  """Returns the step that tries each of some networks.

  Args:
    plan: Of the walk.
    candidates: The networks, by what they change, in words.
    lacking: Why there are none, where there are none.

  Raises:
    Skip: There are none.
  """
  if not candidates:
    raise step.Skip(lacking)
  return step.listed(candidates, plan.search(), plan.axis)


def smaller(
  plan: plan_lib.Plan,
  here: here_lib.Here,
  candidates: Mapping[str, point_lib.Point],
  lacking: str,
) -> step.Step:
  """Returns the step that tries those that cost less than where the walk is.

  Args:
    plan: Of the walk.
    here: Where it stands.
    candidates: The networks, by what they change, in words.
    lacking: Why there are none, where there are none.

  Raises:
    Skip: None costs less.
  """
  now = here.at.values[plan.cost]
  less = foresee.cheaper(plan, candidates, now)
  if candidates and not less:
    raise step.Skip(f'nothing offered lowers {plan.cost}')
  return each(plan, less, lacking)
