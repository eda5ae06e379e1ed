"""Compositions: what takes several areas at once to answer.

`sensitivity` says what each layer's bits cost in quality, `mixed_precision`
chooses bits per layer under a budget, and `post_training` quantizes a trained
network and tells what would be deployed.
"""

from effnas.strategy.mixed_precision import Assignment, Mixed, mixed_precision
from effnas.strategy.post_training import Served, post_training
from effnas.strategy.sensitivity import Row, Sensitivity, sensitivity

__all__ = [
  'Assignment',
  'Mixed',
  'Row',
  'Sensitivity',
  'Served',
  'mixed_precision',
  'post_training',
  'sensitivity',
]
