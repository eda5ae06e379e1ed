"""Wider networks; or the best of the space, whatever it costs.

Reference:
  Menghani, 2021, https://arxiv.org/abs/2106.08962, section 4
"""

from effnas.strategy.guide import offering
from effnas.strategy.guide.steps import search

KIND = 'grow'


def make(plan, here):
  """Tries each larger width."""
  axis, point = plan.axis, here.point
  candidates = {
    axis.said(value): axis.at(point, value) for value in axis.larger(point)
  }
  if not candidates and axis.kind != 'decision':
    return search.searched(plan, here, {})
  return offering.each(plan, candidates, 'no larger width is offered')
