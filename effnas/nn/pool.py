"""The largest value of each window, with a gradient that is fast on CPU.

XLA's own gradient (select and scatter) visits one window after another there.
The window is a maximum over rows and one over columns, each a few strided
slices compared in pairs, whose gradient is as plain
(`benchmarks/layers.py`).
"""

from collections.abc import Sequence
import functools

from flax import linen
import jax
from jax import lax
import jax.numpy as jnp


def max_pool(
  x: jax.Array,
  window: Sequence[int],
  strides: Sequence[int],
  padding: Sequence[Sequence[int]] = ((0, 0), (0, 0)),
) -> jax.Array:
  """Pools as `flax.linen.max_pool` does, faster on CPU.

  Values and gradients are equal, ties included: the first of the largest, row
  by row, has the gradient.

  Args:
    x: Maps [N, H, W, C] of floats.
    window: Height and width.
    strides: Of rows and columns.
    padding: (low, high) of rows and of columns; what lies there is never the
      largest.

  Returns:
    [N, H_, W_, C].

  Example:
    >>> x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    >>> max_pool(x, (2, 2), (2, 2))[0, :, :, 0].tolist()
    [[5.0, 7.0], [13.0, 15.0]]
  """
  rows, columns = ((int(low), int(high)) for low, high in padding)
  return _pool(x, tuple(window), tuple(strides), (rows, columns))


def _native(x, window, strides, padding):
  return linen.max_pool(x, window, strides, padding)


def _sliced(x, window, strides, padding):
  lowest = jnp.asarray(-jnp.inf, x.dtype)
  around: list[tuple[int, int, int]] = [(*pair, 0) for pair in padding]
  x = lax.pad(x, lowest, [(0, 0, 0), *around, (0, 0, 0)])
  # Columns first: among equals the first row has its say last.
  for axis in (2, 1):
    size, stride = window[axis - 1], strides[axis - 1]
    reach = (x.shape[axis] - size) // stride * stride + 1
    x = functools.reduce(
      _larger,
      (lax.slice_in_dim(x, i, i + reach, stride, axis) for i in range(size)),
    )
  return x


def _larger(first, second):
  """The larger of two, the first where they are equal; NaN wins."""
  return jnp.where((second > first) | jnp.isnan(second), second, first)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def _pool(x, window, strides, padding):
  how = {'window': window, 'strides': strides, 'padding': padding}
  return lax.platform_dependent(
    x,
    cpu=functools.partial(_sliced, **how),
    default=functools.partial(_native, **how),
  )


def _forward(x, window, strides, padding):
  return _pool(x, window, strides, padding), x


def _backward(window, strides, padding, x, g):
  def gradient(pool, x, g):
    return jax.vjp(lambda x: pool(x, window, strides, padding), x)[1](g)

  return lax.platform_dependent(
    x,
    g,
    cpu=functools.partial(gradient, _sliced),
    default=functools.partial(gradient, _native),
  )


_pool.defvjp(_forward, _backward)
