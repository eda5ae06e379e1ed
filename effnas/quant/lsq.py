"""Learned step size: the scale of a quantizer is a parameter of the network.

With v = x / s, limits -n and p of the codes and the straight-through estimate
of rounding, a quantized value round(clip(v, -n, p)) * s has the slopes

    with respect to x: 1 where -n < v < p, else 0
    with respect to s: round(v) - v there, -n below and p above it

and the gradient of s is scaled by 1 / sqrt(N * p), N values sharing the step,
which brings its size relative to s near that of the weights.

Reference:
  Esser et al., 2020, Learned Step Size Quantization,
  https://arxiv.org/abs/1902.08153
"""

from collections.abc import Sequence

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from effnas import errors

Bits = int | jax.Array
_BITS = range(2, 9)


def quantize(
  x: jax.Array,
  step: jax.Array,
  bits: Bits,
  signed: bool = True,
  count: int | None = None,
) -> jax.Array:
  """Fake-quantizes x to multiples of a step that learns.

  Args:
    x: Weights or activations.
    step: Positive; broadcasts with x, e.g. a scalar, or [F] for a step per
      output channel. The optimiser must keep it positive.
    bits: 2 to 8; a number or a traced integer.
    signed: Whether codes are -2^(bits - 1) to 2^(bits - 1) - 1, as for weights,
      or 0 to 2^bits - 1, as behind a ReLU.
    count: N in the scale of the step's gradient: the weights, or the features
      of an example, that share a step. None takes the values of x that do,
      with the batch.

  Returns:
    Values of the shape and dtype of x, with the gradients at the top of this
    file.

  Raises:
    UserError: A number of bits that is not supported.

  Example:
    >>> x, step = jnp.array([-5., .3, .7]), jnp.float32(.5)
    >>> quantize(x, step, 3).tolist()
    [-2.0, 0.5, 0.5]
    >>> float(jax.grad(lambda s: quantize(x, s, 3, count=1).sum())(step))
    -2.3094...
  """
  rounded, step = codes(x, step, bits, signed, count)
  return rounded * step


def codes(
  x: jax.Array,
  step: jax.Array,
  bits: Bits,
  signed: bool = True,
  count: int | None = None,
) -> tuple[jax.Array, jax.Array]:
  """Rounds x to the codes whose products with a learned step are `quantize`.

  Args:
    x: As for `quantize`, and so are the others.
    step: Likewise.
    bits: Likewise.
    signed: Likewise.
    count: Likewise.

  Returns:
    The codes, in the shape and dtype of x, and the step with its scaled
    gradient; both have gradients.

  Example:
    >>> codes(jnp.array([-5., .3, .7]), jnp.float32(.5), 3)[0].tolist()
    [-4.0, 1.0, 1.0]
  """
  low, high = limits(bits, signed)
  count = count or max(1, x.size // max(1, step.size))
  step = _scale_gradient(step, gradient_scale(bits, count, signed))
  step = step.astype(x.dtype)
  real = x / step
  clipped = lax.stop_gradient(jnp.clip(real, low, high)).astype(x.dtype)
  inside = (low < real) & (real < high)
  rounded = lax.round(clipped, lax.RoundingMethod.TO_NEAREST_EVEN)
  real = jnp.where(inside, real, clipped)
  return _with_gradient_of(real, rounded), step


def limits(bits: Bits, signed: bool = True) -> tuple[jax.Array, jax.Array]:
  """Returns the smallest and the largest code, -n and p, as float32.

  Args:
    bits: 2 to 8; a number or a traced integer.
    signed: Whether there are codes below 0.

  Raises:
    UserError: A number of bits that is not supported.

  Example:
    >>> [float(code) for code in limits(3) + limits(3, signed=False)]
    [-4.0, 3.0, 0.0, 7.0]
  """
  if isinstance(bits, int | np.integer) and bits not in _BITS:
    raise errors.UserError(
      f'a learned step has 2 to 8 bits; got {bits!r}, take '
      f'{min(max(bits, _BITS[0]), _BITS[-1])}'
    )
  codes = jnp.left_shift(1, jnp.asarray(bits, jnp.int32)).astype(jnp.float32)
  if signed:
    return -codes / 2, codes / 2 - 1
  return jnp.zeros_like(codes), codes - 1


def gradient_scale(bits: Bits, count: int, signed: bool = True) -> jax.Array:
  """Returns 1 / sqrt(count * p), by which the step's gradient is scaled.

  Args:
    bits: 2 to 8.
    count: Values that share the step.
    signed: Whether there are codes below 0.

  Example:
    >>> float(gradient_scale(2, 100))
    0.10000000...
  """
  _, high = limits(bits, signed)
  return lax.rsqrt(count * high)


def initial(
  x: jax.Array,
  bits: Bits,
  axes: Sequence[int] | None = None,
  signed: bool = True,
) -> jax.Array:
  """Returns the step to start from: 2 * mean(|x|) / sqrt(p).

  Args:
    x: The weights, or activations of a first batch.
    bits: 2 to 8.
    axes: The axes that share a step, kept at size 1; None shares it among all
      and gives a scalar.
    signed: Whether there are codes below 0.

  Returns:
    A positive step in the dtype of x; 1 where all values are zero.

  Example:
    >>> float(initial(jnp.array([-3., 1.]), 2))
    4.0
  """
  _, high = limits(bits, signed)
  axes = None if axes is None else tuple(axes)
  mean = jnp.abs(x).mean(axes, keepdims=axes is not None)
  step = 2 * mean / jnp.sqrt(high)
  return jnp.where(mean == 0, 1, step).astype(x.dtype)


def _scale_gradient(x, factor):
  """The value of x, with factor times its gradient."""
  return _with_gradient_of(x * factor, x)


def _with_gradient_of(x, value):
  """The value, with the gradient of x; their dtype is the same."""
  return _replace(x, lax.stop_gradient(value).astype(x.dtype))


@jax.custom_jvp
def _replace(x, value):
  del x
  return value


@_replace.defjvp
def _replace_jvp(primals, tangents):
  return primals[1], tangents[0]
