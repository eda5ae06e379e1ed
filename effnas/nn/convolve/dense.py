"""Gradients of ordinary convolutions, for CPU.

XLA's own gradient convolutions are 10 to 45 times slower inside `lax.scan`,
where effnas runs an epoch; forward convolutions are not.
"""

import itertools
import math

import jax
from jax import lax
import jax.numpy as jnp

from effnas.nn.convolve import depthwise

LAYOUT = ('NHWC', 'HWIO', 'NHWC')
# Examples whose patches are held at once for a weight gradient: enough to keep
# the matrix product busy, few enough to stay in the cache.
_CHUNK = 8


def input_gradient(shape, w, g, strides, pads, dilation) -> jax.Array:
  """The transposed convolution, written as a forward one."""
  g = depthwise.spread(shape, w.shape[:2], g, strides, pads, dilation)
  return lax.conv_general_dilated(
    g,
    w[::-1, ::-1].swapaxes(2, 3),
    (1, 1),
    ((0, 0), (0, 0)),
    rhs_dilation=dilation,
    dimension_numbers=LAYOUT,
  )


def weight_gradient(x, w, g, strides, pads, dilation) -> jax.Array:
  """A product of patches with g, a few examples at a time."""
  kernel, out = w.shape[:2], g.shape[1:3]
  phases = depthwise.split(x, strides, pads)
  chunk = math.gcd(x.shape[0], _CHUNK)

  def body(total, xs):
    x, g = xs
    patches = [
      depthwise.tap(x, at, strides, dilation, out)
      for at in itertools.product(*map(range, kernel))
    ]
    columns = jnp.concatenate(patches, axis=-1)
    part = jnp.tensordot(columns, g, ((0, 1, 2), (0, 1, 2)))
    return total + part.astype(total.dtype), None

  xs, gs = (a.reshape(-1, chunk, *a.shape[1:]) for a in (phases, g))
  total = jnp.zeros((math.prod(w.shape[:-1]), w.shape[-1]), jnp.float32)
  return lax.scan(body, total, (xs, gs))[0].reshape(w.shape).astype(w.dtype)
