"""Ordinary convolutions, and their gradients for CPU.

XLA's own gradient convolutions are 90 or more times slower inside `lax.scan`
(`benchmarks/convolution_in_scan.py`), where effnas runs an epoch; forward
convolutions are not.
"""

import itertools
import math

import jax
from jax import lax
import jax.numpy as jnp

from effnas.nn.convolve import window as window_lib

LAYOUT = ('NHWC', 'HWIO', 'NHWC')
# Examples whose patches are held at once for a weight gradient: enough to keep
# the matrix product busy, few enough to stay in the cache.
_CHUNK = 8


def native(
  x: jax.Array, w: jax.Array, window: window_lib.Window, groups: int = 1
) -> jax.Array:
  """Convolves as XLA does."""
  return lax.conv_general_dilated(
    x,
    w,
    window.strides,
    window.pads,
    rhs_dilation=window.dilation,
    dimension_numbers=LAYOUT,
    feature_group_count=groups,
  )


def input_gradient(
  shape: tuple[int, ...], w: jax.Array, g: jax.Array, window: window_lib.Window
) -> jax.Array:
  """The transposed convolution of g, to the shape of the input."""
  g, window = window_lib.transposed(g, shape, window)
  return native(g, w[::-1, ::-1].swapaxes(2, 3), window)


def weight_gradient(
  x: jax.Array, w: jax.Array, g: jax.Array, window: window_lib.Window
) -> jax.Array:
  """A product of patches with g, a few examples at a time."""
  phases, out = window_lib.split(x, window), window.out(x.shape)
  chunk = math.gcd(x.shape[0], _CHUNK)

  def body(total, xs):
    x, g = xs
    patches = [
      window_lib.tap(x, at, window, out)
      for at in itertools.product(*map(range, window.kernel))
    ]
    columns = jnp.concatenate(patches, axis=-1)
    part = jnp.tensordot(columns, g, ((0, 1, 2), (0, 1, 2)))
    return total + part.astype(total.dtype), None

  xs, gs = (a.reshape(-1, chunk, *a.shape[1:]) for a in (phases, g))
  total = jnp.zeros((math.prod(w.shape[:-1]), w.shape[-1]), jnp.float32)
  return lax.scan(body, total, (xs, gs))[0].reshape(w.shape).astype(w.dtype)
