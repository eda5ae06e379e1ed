"""Quantization: rules, quantization-aware training, conversion to integers."""

from effnas.quant.convert import convert, quantized, serving
from effnas.quant.rules import Quantize, Serve, rules

__all__ = ['Quantize', 'Serve', 'convert', 'quantized', 'rules', 'serving']
