"""What a walk recommends, in one sentence with its numbers."""

from collections.abc import Callable

from effnas.strategy.guide import walking


def sentence(
  walk: walking.Walk,
  title: Callable[[str], str],
  value: Callable[[str, float], str],
) -> str:
  """Returns the recommendation.

  Args:
    walk: The walk.
    title: From a metric to its name in words.
    value: From a metric and its value to a text.
  """
  plan, base, chosen = walk.plan, walk.baseline, walk.chosen
  quality = plan.quality
  tests = [found.get(quality) for found in walk.tests]
  way = ', '.join(walk.way(chosen))
  text = (
    f'take {chosen.name}'
    f'{f" ({way})" if way else ""}: '
    f'{percent(chosen.values[quality])} %'
  )
  if chosen is not base:
    text += f' (baseline {percent(base.values[quality])} %)'
  text += f', {value(plan.cost, chosen.values[plan.cost])}'
  if chosen is not base:
    text += f' ({_share(base.values[plan.cost], chosen.values[plan.cost])})'
  if tests[0] is not None and tests[1] is not None:
    text += f'; on the test split {percent(tests[1])} %'
    if chosen is not base:
      text += f' (baseline {percent(tests[0])} %)'
  for name, bound in plan.budget.items():
    if chosen.values[name] > bound:
      text += (
        f'; no network tried that keeps the quality is within the budget of '
        f'{value(name, bound)} {title(name)}'
      )
  return text


def percent(share: float) -> str:
  """Writes a share as points of a hundred.

  Example:
    >>> percent(0.97214)
    '97.2'
  """
  return f'{100 * share:.1f}'


def _share(before: float, after: float) -> str:
  """Says how large one number is beside another.

  Example:
    >>> _share(98.0, 11.0), _share(10.0, 15.0)
    ('1/8.9 of the baseline', '1.5 times the baseline')
  """
  if after <= before:
    return f'1/{_ratio(before / after)} of the baseline'
  return f'{_ratio(after / before)} times the baseline'


def _ratio(number: float) -> str:
  return f'{number:.1f}' if number < 10 else f'{number:.0f}'
