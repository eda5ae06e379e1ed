"""What was measured: latency, memory and energy by running, and by others.

Example:
  >>> from effnas.footprint import measured
  >>> from flax import linen
  >>> found = measured.time_network(linen.Dense(8), (4,), seconds=0.01)
  >>> found.median_ms > 0
  True
"""

from effnas.footprint.measured.clock import (
  Measured,
  time_callable,
  time_network,
)
from effnas.footprint.measured.keys import blocks
from effnas.footprint.measured.lookup import Table

__all__ = ['Measured', 'Table', 'blocks', 'time_callable', 'time_network']
