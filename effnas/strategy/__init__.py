"""Compositions: what takes several areas at once to answer.

`pipeline` makes steps of compression one recipe (`effnas.recipe`), `compress`
takes a config's network through the one of its section 'compress',
`sensitivity` says what each layer's bits cost in quality, `mixed_precision`
chooses bits per layer under a budget, and `post_training` quantizes a trained
network and tells what would be deployed.
"""

from effnas.recipe.pipeline import pipeline
from effnas.strategy.compression import Compressed, compress
from effnas.strategy.mixed_precision import Assignment, Mixed, mixed_precision
from effnas.strategy.post_training import Served, post_training
from effnas.strategy.sensitivity import Row, Sensitivity, sensitivity

__all__ = [
  'Assignment',
  'Compressed',
  'Mixed',
  'Row',
  'Sensitivity',
  'Served',
  'compress',
  'mixed_precision',
  'pipeline',
  'post_training',
  'sensitivity',
]
