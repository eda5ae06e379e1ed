"""Quantization: rules, training under them, calibration, conversion."""

from effnas.quant.calibration import calibrate
from effnas.quant.convert import convert, quantized, serving
from effnas.quant.post_training import post_training
from effnas.quant.rules import FLOAT, Quantize, Serve, rules
from effnas.quant.staying import left

__all__ = [
  'FLOAT',
  'Quantize',
  'Serve',
  'calibrate',
  'convert',
  'left',
  'post_training',
  'quantized',
  'rules',
  'serving',
]
