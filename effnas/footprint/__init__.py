"""Footprint of a network: what it costs, and where each number comes from.

Trainable parameters, MACs, bytes of the weights file, peak activation memory
and latency on a named target, from shapes alone: nothing is allocated, trained
or run, and no JAX backend is initialised.

Example:
  >>> from effnas import footprint
  >>> from flax import linen
  >>> values = footprint.measure(linen.Dense(1000), (1280,), targets=['a100'])
  >>> values['macs'], footprint.sources(values)['latency_ms@a100']
  (1280000, 'datasheet')
"""

from effnas.footprint.network import (
  layers,
  measure,
  sources,
  unknown,
  unreached,
)
from effnas.footprint.profile import Layer

__all__ = ['Layer', 'layers', 'measure', 'sources', 'unknown', 'unreached']
