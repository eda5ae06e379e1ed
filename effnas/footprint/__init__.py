"""Footprint of a network: what it costs, and where each number comes from.

Trainable parameters, MACs, bytes of the weights file, peak activation memory
and latency on a named target, from shapes alone: nothing is allocated, trained
or run, and no JAX backend is initialised.

Example:
  >>> from effnas import footprint
  >>> from flax import linen
  >>> head = linen.Dense(1000), (1280,)
  >>> footprint.measure(*head)['macs']
  1280000
  >>> footprint.sources(*head, targets=['tpu_v5e'])['latency_ms@tpu_v5e']
  'datasheet, bfloat16, batch 1'
"""

from effnas.footprint.batch import batch, quantities
from effnas.footprint.classes import OperationClass, classes, weight_bits
from effnas.footprint.compiled import Compiled, compile_for
from effnas.footprint.conventions import parameters
from effnas.footprint.network import (
  layers,
  measure,
  sources,
  unknown,
  unreached,
)
from effnas.footprint.profile import Layer
from effnas.footprint.training import training

__all__ = [
  'Compiled',
  'Layer',
  'OperationClass',
  'batch',
  'classes',
  'compile_for',
  'layers',
  'measure',
  'parameters',
  'quantities',
  'sources',
  'training',
  'unknown',
  'unreached',
  'weight_bits',
]
