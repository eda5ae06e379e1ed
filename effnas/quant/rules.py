"""Bits, codes and scales of weights and activations as rewriting rules."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
from typing import Any

from flax import linen
import jax

from effnas import arguments, errors
from effnas.nn import convolve, rewrite
from effnas.quant import accumulating, computing, schemes

FLOAT = schemes.FLOAT
COLLECTION = schemes.COLLECTION


@dataclasses.dataclass(frozen=True)
class Quantize(rewrite.Rule):
  """Quantization-aware training of the convolution and dense layers it names.

  Attributes:
    pattern: On the path of the layer.
    weights: Bits of the kernel, 1 to 8; 32 leaves the layer in float.
    activations: Bits of the input, 1 to 8; 32 leaves it in float.
    scheme: All else; by default AQT's: symmetric integers, a scale per output
      channel, dynamic ranges.
  """

  weights: int = 8
  activations: int = 8
  scheme: schemes.Scheme = schemes.DEFAULT
  layers = (linen.Conv, linen.Dense, linen.DenseGeneral)

  @property
  def declares(self) -> bool:
    """Whether the layer has steps or ranges among its variables."""
    static = self.scheme.ranges == 'static' and self.activations != FLOAT
    return self.weights != FLOAT and (self.scheme.learned or static)

  @property
  def plain(self) -> bool:
    """Whether AQT does all of it."""
    by_aqt = 1 not in (self.weights, self.activations)
    return by_aqt and self.scheme == schemes.DEFAULT

  def matches(self, module: linen.Module, path: str) -> bool:
    """Excludes dense layers with batch axes, which have no plain kernel."""
    batched = isinstance(module, linen.DenseGeneral) and module.batch_dims
    return not batched and super().matches(module, path)

  def compute(
    self, module: linen.Module, call: Callable[[], jax.Array]
  ) -> jax.Array:
    """Computes on fake-quantized operands."""
    if self.weights == FLOAT:
      return call()
    with rewrite.lend(module, **self._training(module)):
      return call()

  def _training(self, module):
    from effnas.quant import aqt, arithmetic

    if not self.plain:
      return computing.training(self, module)
    bits = self.weights, _or_none(self.activations)
    if isinstance(module, linen.Conv):
      conv = arithmetic.training_conv(_convolution(module), *bits)
      return {'conv_general_dilated': conv}
    return {'dot_general': self._dot(module, aqt.dot_general(*bits))}

  def _dot(self, module, by_aqt):
    """AQT's product, or ours where more is summed than int32 holds."""

    def dot(x, kernel, dimension_numbers, **kwargs):
      length = accumulating.length(x, dimension_numbers)
      if self.activations == FLOAT or length <= accumulating.longest(
        self.weights, self.activations
      ):
        return by_aqt(x, kernel, dimension_numbers, **kwargs)
      ours = computing.training(self, module)['dot_general']
      return ours(x, kernel, dimension_numbers, **kwargs)

    return dot


@dataclasses.dataclass(frozen=True)
class Serve(Quantize):
  """Evaluation of the layers whose kernels `convert` has made integers."""

  declares = False
  serves = True

  def compute(
    self, module: linen.Module, call: Callable[[], jax.Array]
  ) -> jax.Array:
    """Computes on the integer kernel and its scale."""
    if self.weights == FLOAT:
      return call()
    with rewrite.lend(module, **self._serving(module)):
      return call()

  def _serving(self, module):
    from effnas.quant import arithmetic

    if not self.plain:
      return computing.serving(self, module)
    scale = module.get_variable(COLLECTION, 'kernel_scale')
    bits = self.weights, _or_none(self.activations)
    lent: dict[str, Any] = {'promote_dtype': arithmetic.keep_integers}
    if isinstance(module, linen.Conv):
      conv = arithmetic.serving_conv(_convolution(module), scale, bits[1])
      return {**lent, 'conv_general_dilated': conv}
    dot = functools.partial(arithmetic.serving_dot, scale, *bits)
    return {**lent, 'dot_general': dot}


def _convolution(module):
  return module.conv_general_dilated or convolve.conv_general_dilated


def _or_none(bits):
  return None if bits == FLOAT else bits


def rules(
  weights: int | str = 8,
  activations: int | str = 8,
  patterns: Mapping[str, int | str | Mapping[str, Any]] | None = None,
  *,
  scales: str | int = 'channel',
  zero_point: str = 'none',
  ranges: str = 'dynamic',
  learned: bool = False,
) -> tuple[Quantize, ...]:
  """Returns the rules of a quantized network.

  Args:
    weights: Bits of all kernels that no pattern names, 1 to 8, or 32 for float
      layers; or other codes: 'binary' (-1, 1), 'ternary' (-1, 0, 1), or floats
      of 8 bits, 'e4m3' and 'e5m2'. Codes of one bit are -1/2 and 1/2, scaled
      by the largest weight; binary ones by the mean.
    activations: Bits of the inputs of quantized layers, 1 to 8; 32 for float;
      or 'e4m3' or 'e5m2'.
    patterns: Pattern on a layer's path -> its weights, or any of these
      settings by name; what it does not say is as for the others. The first
      pattern that matches holds; 32 keeps the layer in float.
    scales: What shares a scale in a kernel: 'channel' (an output channel),
      'tensor', or so many consecutive weights of an output channel. Inputs
      have a scale per example (convolution) or row (dense), or one if static.
    zero_point: Whose integers are asymmetric, with a code for 0 anywhere:
      'none', 'weights', 'activations' or 'both'. Learned steps of activations
      then have codes from 0 up, as behind a ReLU.
    ranges: Of inputs: 'dynamic', as they come; or 'static', as
      `effnas.quant.calibrate` finds them. Without it the ranges follow the
      batches of a training by a moving average.
    learned: Whether the steps between the values of weights, and of inputs, are
      parameters that train (LSQ).

  Returns:
    Rules for `effnas.nn.rewrite.Rewritten`.

  Raises:
    UserError: A setting that is not supported.

  Example:
    >>> for rule in rules(4, patterns={'stem/*': 8, 'head': {'scales': 32}}):
    ...   print(rule.pattern, rule.weights, rule.scheme.scales)
    stem/* 8 channel
    head 4 32
    * 4 channel
    >>> [rule.weights for rule in rules('ternary', patterns={'stem': 'e4m3'})]
    [8, 2]
  """
  arguments.value(patterns, Mapping[str, Any] | None, 'quant.patterns')
  settings = {
    'weights': weights,
    'activations': activations,
    'scales': scales,
    'zero_point': zero_point,
    'ranges': ranges,
    'learned': learned,
  }
  return tuple(
    Quantize(pattern, *_made(pattern, settings, own))
    for pattern, own in {**(patterns or {}), '*': {}}.items()
  )


def _made(pattern, settings, own):
  fits = int | str | Mapping[str, Any]
  arguments.value(own, fits, f'quant.patterns.{pattern}')
  if not isinstance(own, Mapping):
    own = {'weights': own}
  for name in own:
    if name not in settings:
      raise errors.unknown(f'setting of {pattern!r}', name, settings)
  return schemes.make(**{**settings, **own})
