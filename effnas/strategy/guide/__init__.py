"""The survey's practitioner's guide: Shrink-and-Improve, and growing first.

A walk starts from one network and takes it step by step along the frontier of
quality and footprint. Each step is an ordinary search among a few changes of
where the walk stands: narrower, pruned, with fewer bits, with other
augmentations or hyper-parameters; the best is kept, or none. All looking is at
the validation split; the test split is looked at once, for the choice.

Reference:
  Menghani, 2021, Efficient Deep Learning: A Survey on Making Deep Learning
  Models Smaller, Faster, and Better, https://arxiv.org/abs/2106.08962, section
  4, "A practitioner's guide to efficiency"
"""

from effnas.strategy.guide.foresee import check
from effnas.strategy.guide.here import Row, Tried
from effnas.strategy.guide.plan import GOALS, Plan, make
from effnas.strategy.guide.recommendation import percent, sentence
from effnas.strategy.guide.walking import Walk, first, walk

__all__ = [
  'GOALS',
  'Plan',
  'Row',
  'Tried',
  'Walk',
  'check',
  'first',
  'make',
  'percent',
  'sentence',
  'walk',
]
