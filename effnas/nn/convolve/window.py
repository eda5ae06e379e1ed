"""How a kernel walks over an image, and what each of its positions meets."""

from typing import Any, NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

Pair = tuple[int, int]


class Window(NamedTuple):
  """The geometry of a convolution; each field has a value for rows and columns.

  Attributes:
    kernel: Taps.
    strides: Between two outputs.
    pads: (low, high), not negative.
    dilation: Distance between two taps.
  """

  kernel: Pair
  strides: Pair = (1, 1)
  pads: tuple[Pair, Pair] = ((0, 0), (0, 0))
  dilation: Pair = (1, 1)

  def out(self, shape: tuple[int, ...]) -> Pair:
    """Returns the height and width of the output of an input [N, H, W, C]."""
    height, width = (
      (size + sum(pad) - d * (k - 1) - 1) // s + 1
      for size, k, s, pad, d in zip(shape[1:3], *self, strict=True)
    )
    return height, width


def split(x: jax.Array, window: Window) -> jax.Array:
  """Pads x and splits its rows and columns by their phase in the stride.

  Args:
    x: [N, H, W, C].
    window: Of the convolution.

  Returns:
    [N, rows, stride, columns, stride, C]: each input that a tap meets is a
    plain slice of it.
  """
  pads = [
    (low, high + -(size + low + high) % s)
    for size, s, (low, high) in zip(
      x.shape[1:3], window.strides, window.pads, strict=True
    )
  ]
  x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
  n, height, width, channels = x.shape
  sh, sw = window.strides
  return x.reshape(n, height // sh, sh, width // sw, sw, channels)


def tap(phases: jax.Array, at: Any, window: Window, out: Pair) -> jax.Array:
  """Returns the inputs that one tap meets.

  Args:
    phases: What `split` returned.
    at: Row and column of the tap, numbers or traced.
    window: Of the convolution.
    out: Height and width of the output.

  Returns:
    [N, *out, C].
  """
  (row, row_phase), (column, column_phase) = (
    divmod(i * d, s)
    for i, d, s in zip(at, window.dilation, window.strides, strict=True)
  )
  n, *_, channels = phases.shape
  height, width = out
  return lax.dynamic_slice(
    phases,
    (0, row, row_phase, column, column_phase, 0),
    (n, height, 1, width, 1, channels),
  ).reshape(n, height, width, channels)


def transposed(
  g: jax.Array, shape: tuple[int, ...], window: Window
) -> tuple[jax.Array, Window]:
  """Writes the transposed convolution as a plain one.

  Args:
    g: Gradient of a convolution's output.
    shape: Of its input.
    window: Of it.

  Returns:
    g with zeros around and, by the stride, between, and the window under which
    it is convolved with the flipped kernel into the input's gradient.
  """
  config = [(0, 0, 0)]
  for axis, (k, s, (low, _), d) in enumerate(zip(*window, strict=True), 1):
    reach = (g.shape[axis] - 1) * s + 1
    config.append((d * (k - 1) - low, shape[axis] + low - reach, s - 1))
  g = lax.pad(g, jnp.zeros((), g.dtype), [*config, (0, 0, 0)])
  return g, Window(window.kernel, dilation=window.dilation)
