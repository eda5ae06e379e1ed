"""Depthwise convolution as sums of shifted products, for CPU.

XLA's grouped convolution takes about 10 to 40 times as long there
(`benchmarks/depthwise.py`). What follows is written in the forms that XLA
compiles well: chains of products and sums of slices, with channels along the
vector lanes, and matrix products. A sum over positions is neither (a reduction
with anything fused into it is slow), hence `_sum_of_products`.
"""

import itertools
import math

import jax
from jax import lax
import jax.numpy as jnp

from effnas.nn.convolve import window as window_lib

# Products that are added in one pass before a sum over what is left: fewer
# write more, more take longer to compile and no less time to run.
_TERMS = 16
# Taps that a convolution writes out; larger kernels loop over their rows, which
# is slower up to here and faster beyond.
_UNROLLED = 11 * 11
# Elements from which each tap of a weight gradient has code of its own; below,
# a loop over the taps is nearly as fast and compiles in a third of the time.
_LARGE = 2**20


def forward(x: jax.Array, w: jax.Array, window: window_lib.Window) -> jax.Array:
  """Convolves each channel with its own filter.

  Args:
    x: [N, H, W, C].
    w: [h, w, 1, C].
    window: Of the convolution.

  Returns:
    [N, H', W', C] in the dtype of x, summed in float32 or wider.
  """
  out, dtype = window.out(x.shape), x.dtype
  phases, w = window_lib.split(_wide(x), window), _wide(w)
  height, width = window.kernel

  def row(i, w):
    products = [
      window_lib.tap(phases, (i, j), window, out) * w[j, 0]
      for j in range(width)
    ]
    return sum(products[1:], products[0])

  if height * width <= _UNROLLED:
    rows = [row(i, w[i]) for i in range(height)]
    return sum(rows[1:], rows[0]).astype(dtype)
  total, _ = lax.scan(
    lambda total, at: (total + row(*at), None),
    jnp.zeros((x.shape[0], *out, x.shape[-1]), w.dtype),
    (jnp.arange(height), w),
  )
  return total.astype(dtype)


def input_gradient(
  shape: tuple[int, ...], w: jax.Array, g: jax.Array, window: window_lib.Window
) -> jax.Array:
  """The transposed convolution of g, to the shape of the input."""
  g, window = window_lib.transposed(g, shape, window)
  return forward(g, w[::-1, ::-1], window)


def weight_gradient(
  x: jax.Array, w: jax.Array, g: jax.Array, window: window_lib.Window
) -> jax.Array:
  """The gradient of the filters w."""
  phases, g = window_lib.split(_wide(x), window), _wide(g)
  out = window.out(x.shape)

  def one(at):
    inputs = window_lib.tap(phases, at, window, out)
    return _sum_of_products(inputs, g)

  if g.size >= _LARGE and math.prod(window.kernel) <= _UNROLLED:
    at = itertools.product(*map(range, window.kernel))
    sums = jnp.stack([one(ij) for ij in at])
  else:
    sums = lax.map(one, tuple(jnp.indices(window.kernel).reshape(2, -1)))
  return sums.reshape(w.shape).astype(w.dtype)


def _wide(x: jax.Array) -> jax.Array:
  return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _sum_of_products(a: jax.Array, b: jax.Array) -> jax.Array:
  """Sums a * b over all axes but the last."""
  # Along the examples, or the rows where there are too few examples.
  axis = max((0, 1), key=lambda axis: _terms(a.shape[axis]))
  size = a.shape[axis] // _terms(a.shape[axis])
  parts = [
    lax.slice_in_dim(a, i, i + size, axis=axis)
    * lax.slice_in_dim(b, i, i + size, axis=axis)
    for i in range(0, a.shape[axis], size)
  ]
  rest = sum(parts[1:], parts[0]).reshape(-1, a.shape[-1])
  # A product with ones, since a reduction would be fused with the above.
  return (jnp.ones((1, len(rest)), rest.dtype) @ rest)[0]


def _terms(size: int) -> int:
  """The greatest divisor of a size that is no more than `_TERMS`."""
  return max(d for d in range(1, _TERMS + 1) if size % d == 0)
