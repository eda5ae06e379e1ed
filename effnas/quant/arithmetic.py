"""Products of quantized operands, in training and in serving.

Activations are quantized as they come, with a scale per example (convolution)
or per row (dense); weights with a scale per output channel. A result thus
never depends on the other examples of a batch. Convolutions run on integer
*values* in floating point, which is exact while K products satisfy
K * 127^2 < 2^24; dense layers run on int8 with int32 accumulation.
"""

from collections.abc import Callable

import jax
from jax import lax
import jax.numpy as jnp

from effnas.quant import accumulating, aqt


def _integers(x, bits, axes):
  """Integer values and their scale, with the gradient of x / scale."""
  if bits is None:
    return x, jnp.ones((), x.dtype)
  q, scale = aqt.quantize(lax.stop_gradient(x), bits, axes)
  scale = scale.astype(x.dtype)
  real = x / scale
  return real + lax.stop_gradient(q.astype(x.dtype) - real), scale


def training_conv(
  conv: Callable, weights: int, activations: int | None
) -> Callable:
  """Returns a convolution on fake-quantized operands, straight-through.

  AQT's own quantized convolution has zero gradients; this one rounds with
  AQT's quantizers and passes gradients through the rounding.

  Args:
    conv: With the arguments of `lax.conv_general_dilated`.
    weights: Bits of the kernel, a scale per output channel.
    activations: Bits of the input, a scale per example; None for float.

  Returns:
    A function with the same arguments.

  Reference:
    Bengio et al., 2013, https://arxiv.org/abs/1308.3432 (straight-through)
  """

  def convolve(x, kernel, *args, **kwargs):
    x, x_scale = _integers(x, activations, range(1, x.ndim))
    kernel, scale = _integers(kernel, weights, range(kernel.ndim - 1))
    return conv(x, kernel, *args, **kwargs) * x_scale * scale

  return convolve


def serving_conv(
  conv: Callable, scale: jax.Array, activations: int | None
) -> Callable:
  """Returns a convolution whose kernel holds integers.

  Args:
    conv: With the arguments of `lax.conv_general_dilated`.
    scale: Of the kernel, per output channel.
    activations: Bits of the input.

  Returns:
    A function with the same arguments, equal to `training_conv` in value.
  """

  def convolve(x, kernel, *args, **kwargs):
    dtype = x.dtype
    x, x_scale = _integers(x, activations, range(1, x.ndim))
    out = conv(x, kernel.astype(dtype), *args, **kwargs)
    return out * x_scale * scale.astype(dtype)

  return convolve


def serving_dot(
  scale: jax.Array,
  weights: int,
  activations: int | None,
  x,
  kernel,
  dimension_numbers,
  **_,
) -> jax.Array:
  """Multiplies by an integer kernel, with int32 accumulation (`accumulating`).

  Args:
    scale: Of the kernel, per output, its contracted axes of size 1.
    weights: Bits of the kernel.
    activations: Bits of the input; None multiplies in floating point.
    x: Floating-point input.
    kernel: Integer kernel.
    dimension_numbers: As in `lax.dot_general`, without batch axes.

  Returns:
    The product in the dtype of x, equal in value to AQT's in training.
  """
  (contracted, kernel_axes), _ = dimension_numbers
  scale = scale.reshape(
    [n for i, n in enumerate(kernel.shape) if i not in kernel_axes]
  ).astype(x.dtype)
  if activations is None:
    return lax.dot_general(x, kernel.astype(x.dtype), dimension_numbers) * scale
  q, x_scale = aqt.quantize(x, activations, contracted)
  bits = weights, activations
  out = accumulating.dot(q, kernel, dimension_numbers, bits, x.dtype)
  x_scale = jnp.squeeze(x_scale, contracted).astype(x.dtype)
  x_scale = x_scale.reshape(*x_scale.shape, *(1,) * scale.ndim)
  return out * x_scale * scale


def keep_integers(x, kernel, bias, *, dtype=None, **_):
  """Stands for Flax's `promote_dtype`, which would make integers floats."""
  dtype = dtype or x.dtype
  bias = None if bias is None else jnp.asarray(bias, dtype)
  return x.astype(dtype), kernel, bias
