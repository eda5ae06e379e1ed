"""Bits for weights and activations as rewriting rules."""

from collections.abc import Mapping
import dataclasses
import functools

from flax import linen

from effnas import errors
from effnas.nn import convolve, rewrite

_BITS = range(2, 9)
FLOAT = 32
# The collection that holds the scale of each integer kernel.
COLLECTION = 'quant'


@dataclasses.dataclass(frozen=True)
class Quantize(rewrite.Rule):
  """Quantization-aware training of the convolution and dense layers it names.

  Attributes:
    pattern: On the path of the layer.
    weights: Bits of the kernel, 2 to 8; 32 leaves the layer in float.
    activations: Bits of the input, 2 to 8; 32 leaves it in float.
  """

  weights: int = 8
  activations: int = 8
  layers = (linen.Conv, linen.Dense, linen.DenseGeneral)

  def matches(self, module, path):
    """Excludes dense layers with batch axes, which have no plain kernel."""
    batched = isinstance(module, linen.DenseGeneral) and module.batch_dims
    return not batched and super().matches(module, path)

  def compute(self, module, call):
    """Computes on fake-quantized operands."""
    if self.weights == FLOAT:
      return call()
    from effnas.quant import aqt, arithmetic

    if isinstance(module, linen.Conv):
      conv = arithmetic.training_conv(
        _convolution(module), self.weights, _or_none(self.activations)
      )
      with rewrite.lend(module, conv_general_dilated=conv):
        return call()
    dot = aqt.dot_general(self.weights, _or_none(self.activations))
    with rewrite.lend(module, dot_general=dot):
      return call()


@dataclasses.dataclass(frozen=True)
class Serve(Quantize):
  """Evaluation of the layers whose kernels `convert` has made integers."""

  def compute(self, module, call):
    """Computes on the integer kernel and its scale."""
    if self.weights == FLOAT:
      return call()
    from effnas.quant import arithmetic

    scale = module.get_variable(COLLECTION, 'kernel_scale')
    bits = _or_none(self.activations)
    lent = {'promote_dtype': arithmetic.keep_integers}
    if isinstance(module, linen.Conv):
      conv = arithmetic.serving_conv(_convolution(module), scale, bits)
      lent['conv_general_dilated'] = conv
    else:
      lent['dot_general'] = functools.partial(
        arithmetic.serving_dot, scale, bits
      )
    with rewrite.lend(module, **lent):
      return call()


def _convolution(module):
  return module.conv_general_dilated or convolve.conv_general_dilated


def _or_none(bits):
  return None if bits == FLOAT else bits


def rules(
  weights: int = 8,
  activations: int = 8,
  patterns: Mapping[str, int] | None = None,
) -> tuple[Quantize, ...]:
  """Returns the rules of a quantized network.

  Args:
    weights: Bits of all kernels that no pattern names; 32 for float.
    activations: Bits of the inputs of quantized layers; 32 for float.
    patterns: Pattern on a layer's path -> bits of its weights, the first that
      matches holds; 32 keeps the layer in float.

  Returns:
    Rules for `effnas.nn.rewrite.Rewritten`.

  Raises:
    UserError: A number of bits that is not supported.

  Example:
    >>> for rule in rules(4, patterns={'stem/*': 8}):
    ...   print(rule.pattern, rule.weights, rule.activations)
    stem/* 8 8
    * 4 8
  """
  patterns = {**(patterns or {}), '*': weights}
  for bits in (*patterns.values(), activations):
    if bits != FLOAT and bits not in _BITS:
      raise errors.UserError(
        f'bits are 2 to 8, or {FLOAT} for float; got {bits!r}'
      )
  return tuple(
    Quantize(pattern, bits, activations) for pattern, bits in patterns.items()
  )
