"""Search spaces: networks (and any other settings) with choices in fields.

Example:
  >>> import numpy as np
  >>> from effnas import space
  >>> s = space.Space({
  ...     'widths': [space.oneof(8, 16), space.oneof(16, 32)],
  ...     'lr': space.loguniform(1e-4, 1e-1),
  ... })
  >>> arch = s.sample(np.random.default_rng(0))
  >>> list(arch)
  ['widths.0', 'widths.1', 'lr']
  >>> s.build({'widths.0': 8, 'widths.1': 32, 'lr': 0.01})
  FrozenDict({
      widths: (8, 32),
      lr: 0.01,
  })
"""

from effnas.space.choices import oneof
from effnas.space.loading import declare, load, load_as
from effnas.space.ranges import intrange, loguniform, uniform
from effnas.space.space import Arch, Space
from effnas.space.structure import lazy, repeat

__all__ = [
  'Arch',
  'Space',
  'declare',
  'intrange',
  'lazy',
  'load',
  'load_as',
  'loguniform',
  'oneof',
  'repeat',
  'uniform',
]
