"""Back under the budget: as wide as each sparsity and number of bits allow.

Reference:
  Menghani, 2021, https://arxiv.org/abs/2106.08962, section 4
"""

from effnas.strategy.guide import foresee, offering

KIND = 'fit'


def make(plan, here):
  """Tries for each way of compression the widest network that fits."""
  axis, point = plan.axis, here.point
  widest = [v for v in axis.values if v <= axis.now(point)][::-1]
  found = {}
  for value in widest:
    narrow = axis.at(point, value)
    if axis.kind == 'remove' and value < 1:
      narrow = narrow.replace(plan.settings('remove'))
    for said, one in foresee.compressed(plan, narrow).items():
      if said not in found and _fits(plan, one):
        found[said] = (f'{axis.said(value)}{", " * bool(said)}{said}', one)
  return offering.each(
    plan, dict(found.values()), 'nothing offered fits the budget'
  )


def _fits(plan, point):
  cost = foresee.footprint(plan, point)
  return all(cost[name] <= bound for name, bound in plan.budget.items())
