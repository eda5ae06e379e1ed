"""Narrower networks, trained anew, or what is left without some channels.

Reference:
  Menghani, 2021, https://arxiv.org/abs/2106.08962, section 4
"""

from effnas.strategy.guide import offering

KIND = 'shrink'


def make(plan, here):
  """Tries each smaller width."""
  axis, point = plan.axis, here.point
  candidates = {}
  for value in axis.smaller(point):
    narrow = axis.at(point, value)
    if axis.kind == 'remove':
      narrow = narrow.replace(plan.settings('remove'))
    candidates[axis.said(value)] = narrow
  return offering.smaller(plan, here, candidates, 'no smaller width is offered')
