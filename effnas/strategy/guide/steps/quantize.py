"""Weights get fewer bits: after the training, or where it trains with bits.

Reference:
  Jacob et al., 2018, https://arxiv.org/abs/1712.05877
"""

from effnas.strategy.guide import foresee, offering

KIND = 'shrink'


def make(plan, here):
  """Tries each number of bits."""
  point = here.point
  offered = plan.options('compress.quantize.weights', foresee.BITS)
  if point.float:
    candidates = {
      f'{bits} bits': point.replace(
        plan.settings('quantize') | {'compress.quantize.weights': bits}
      )
      for bits in offered
    }
  else:
    candidates = {
      f'{bits} bits': point.replace({'quant.weights': bits}) for bits in offered
    }
  return offering.smaller(plan, here, candidates, 'no bits are offered')
