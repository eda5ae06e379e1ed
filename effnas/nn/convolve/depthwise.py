"""Depthwise convolution as sums of shifted products, for CPU.

XLA's grouped convolution takes 11 to 33 times as long there
(`benchmarks/depthwise.py`). What follows is written in the forms that XLA
compiles well: chains of products and sums of slices, with channels along the
vector lanes, and matrix products. A sum over positions is neither (a reduction
with anything fused into it is slow), hence `_sum_of_products`.
"""

import itertools
import math
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]

# Products that are added in one pass before a sum over what is left: fewer
# write more, more take longer to compile and no less time to run.
_TERMS = 16
# Taps that a convolution writes out; larger kernels loop over their rows, which
# is slower up to here and faster beyond.
_UNROLLED = 11 * 11
# Elements from which each tap of a weight gradient has code of its own; below,
# a loop over the taps is nearly as fast and compiles in a third of the time.
_LARGE = 2**20


def forward(
  x: jax.Array, w: jax.Array, strides: Pair, pads: Pads, dilation: Pair
) -> jax.Array:
  """Convolves each channel with its own filter.

  Args:
    x: [N, H, W, C].
    w: [h, w, 1, C].
    strides: Of the window.
    pads: (low, high) of rows and columns, not negative.
    dilation: Distance between a filter's taps.

  Returns:
    [N, H', W', C] in the dtype of x, summed in float32 or wider.
  """
  kernel = w.shape[:2]
  out = out_size(x.shape, kernel, strides, pads, dilation)
  phases, w, dtype = split(_wide(x), strides, pads), _wide(w), x.dtype

  def row(i, w):
    products = [
      tap(phases, (i, j), strides, dilation, out) * w[j, 0]
      for j in range(kernel[1])
    ]
    return sum(products[1:], products[0])

  if math.prod(kernel) <= _UNROLLED:
    rows = [row(i, w[i]) for i in range(kernel[0])]
    return sum(rows[1:], rows[0]).astype(dtype)
  total = jnp.zeros((x.shape[0], *out, x.shape[-1]), w.dtype)
  total, _ = lax.scan(
    lambda total, at: (total + row(*at), None),
    total,
    (jnp.arange(kernel[0]), w),
  )
  return total.astype(dtype)


def _wide(x: jax.Array) -> jax.Array:
  return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def out_size(shape, kernel, strides, pads, dilation) -> Pair:
  """Returns the height and width of a convolution's output."""
  return tuple(
    (size + sum(pad) - d * (k - 1) - 1) // s + 1
    for size, k, s, pad, d in zip(
      shape[1:3], kernel, strides, pads, dilation, strict=True
    )
  )


def split(x: jax.Array, strides: Pair, pads: Pads) -> jax.Array:
  """Pads x and splits its rows and columns by their phase in the stride.

  Args:
    x: [N, H, W, C].
    strides: Of the window.
    pads: (low, high) of rows and columns, not negative.

  Returns:
    [N, rows, stride, columns, stride, C]: each input that a kernel's position
    meets is a plain slice of it.
  """
  (low_h, high_h), (low_w, high_w) = pads
  high_h += -(x.shape[1] + low_h + high_h) % strides[0]
  high_w += -(x.shape[2] + low_w + high_w) % strides[1]
  x = jnp.pad(x, ((0, 0), (low_h, high_h), (low_w, high_w), (0, 0)))
  n, height, width, channels = x.shape
  (sh, sw) = strides
  return x.reshape(n, height // sh, sh, width // sw, sw, channels)


def tap(
  phases: jax.Array, at: Any, strides: Pair, dilation: Pair, out: Pair
) -> jax.Array:
  """Returns the inputs that one position of the kernel meets.

  Args:
    phases: What `split` returned.
    at: Row and column in the kernel, numbers or traced.
    strides: Of the window.
    dilation: Distance between a kernel's taps.
    out: Height and width of the output.

  Returns:
    [N, *out, C].
  """
  (row, row_phase), (column, column_phase) = (
    divmod(i * d, s) for i, d, s in zip(at, dilation, strides, strict=True)
  )
  n, *_, channels = phases.shape
  (height, width) = out
  return lax.dynamic_slice(
    phases,
    (0, row, row_phase, column, column_phase, 0),
    (n, height, 1, width, 1, channels),
  ).reshape(n, height, width, channels)


def spread(
  shape: tuple[int, ...],
  kernel: Pair,
  g: jax.Array,
  strides: Pair,
  pads: Pads,
  dilation: Pair,
) -> jax.Array:
  """Pads an output's gradient so that a plain convolution transposes another.

  Args:
    shape: Of the convolution's input.
    kernel: Of the convolution.
    g: Gradient of its output.
    strides: Of the convolution.
    pads: Of the convolution.
    dilation: Of the convolution.

  Returns:
    g with zeros around and, by the stride, between: convolved with the flipped
    kernel at stride 1, without padding, it is the input's gradient.
  """
  config = [(0, 0, 0)]
  for axis, ((low, _), k, s, d) in enumerate(
    zip(pads, kernel, strides, dilation, strict=True), start=1
  ):
    reach = (g.shape[axis] - 1) * s + 1
    before = d * (k - 1) - low
    config.append((before, shape[axis] + low - reach, s - 1))
  return lax.pad(g, jnp.zeros((), g.dtype), [*config, (0, 0, 0)])


def input_gradient(shape, w, g, strides, pads, dilation) -> jax.Array:
  """The transposed convolution; arguments as of `spread`, with the kernel w."""
  g = spread(shape, w.shape[:2], g, strides, pads, dilation)
  return forward(g, w[::-1, ::-1], (1, 1), ((0, 0), (0, 0)), dilation)


def weight_gradient(x, w, g, strides, pads, dilation) -> jax.Array:
  """The gradient of the filters; arguments as of `forward`."""
  kernel, out = w.shape[:2], g.shape[1:3]
  phases, g = split(_wide(x), strides, pads), _wide(g)

  def one(at):
    return _sum_of_products(tap(phases, at, strides, dilation, out), g)

  if g.size >= _LARGE and math.prod(kernel) <= _UNROLLED:
    at = itertools.product(*map(range, kernel))
    sums = jnp.stack([one(ij) for ij in at])
  else:
    sums = lax.map(one, tuple(jnp.indices(kernel).reshape(2, -1)))
  return sums.reshape(w.shape).astype(w.dtype)


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
