"""Quantization: rules, quantization-aware training, conversion to integers."""

from effnas.quant.convert import convert, quantized, serving
from effnas.quant.rules import FLOAT, Quantize, Serve, rules

__all__ = [
  'FLOAT',
  'Quantize',
  'Serve',
  'convert',
  'quantized',
  'rules',
  'serving',
]
