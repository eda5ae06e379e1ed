"""What effnas uses of AQT; the one file that imports it.

AQT supplies the quantizers (symmetric, scale = largest magnitude over the
shared axes) and the dense path. Its convolutions are not used: their gradients
are zero (google/aqt#285), as the custom gradient exists for `dot_general` only.

Reference:
  Abdolrashidi et al., 2021, Pareto-Optimal Quantized ResNet Is Mostly 4-bit,
  https://arxiv.org/abs/2105.03536; https://github.com/google/aqt
"""

from collections.abc import Callable, Sequence
import functools

from aqt.jax.v2 import aqt_quantizer
from aqt.jax.v2 import config as aqt_config
import jax
import jax.numpy as jnp


def quantize(
  x: jax.Array, bits: int, axes: Sequence[int]
) -> tuple[jax.Array, jax.Array]:
  """Rounds x to integers that share a scale along some axes.

  Args:
    x: Any floating-point array.
    bits: 2 to 8.
    axes: The axes along which values share a scale.

  Returns:
    The integers as int8, within +-(2^(bits - 1) - 1), and the scale, with the
    shared axes kept at size 1; x is about integers * scale.

  Example:
    >>> q, scale = quantize(jnp.array([-1., 0., .5]), 4, (0,))
    >>> q.tolist(), scale.shape
    ([-7, 0, 4], (1,))
  """
  quantizer = aqt_quantizer.quantizer_make(bits)
  tensor, _ = quantizer.quant(x, calibration_axes=tuple(axes))
  (scale,) = tensor.scale
  return tensor.qvalue.astype(jnp.int8), scale


@functools.cache
def dot_general(weights: int, activations: int | None) -> Callable:
  """Returns AQT's quantized `dot_general` with float gradients.

  Args:
    weights: Bits of the right operand.
    activations: Bits of the left operand; None leaves it in floating point.

  Returns:
    A function with the arguments of `jax.lax.dot_general`.
  """
  config = aqt_config.default_unquantized_config()
  aqt_config.set_bits(config, activations, weights, None, None, None, None)

  def quantized(lhs, rhs, dimension_numbers, precision=None, **_):
    del precision  # AQT refuses any.
    return config(lhs, rhs, dimension_numbers)

  return quantized
