"""Two-dimensional convolution that is fast on CPU too, inside loops as well.

`conv_general_dilated` takes the arguments of the function of that name in
`jax.lax` and gives the same values. What it adds, on CPU only:

*   depthwise convolutions are sums of shifted products, in every shape that
    was tried several times as fast as XLA's grouped convolution there
    (`benchmarks/depthwise.py`);
*   the gradients of ordinary convolutions are written as products of patches
    and as forward convolutions: XLA's own gradient convolutions are 90 or more
    times slower inside `lax.scan`, where effnas runs an epoch
    (`benchmarks/convolution_in_scan.py`). Forward convolutions, and those in
    other groups, are XLA's.

On every platform a 1x1 convolution is a matrix product. The platform is chosen
by `lax.platform_dependent` when a program is lowered, so that tracing
initialises no backend and a jaxpr always holds the native convolution.
"""

from collections.abc import Callable
import functools

import jax
from jax import lax
import jax.numpy as jnp

from effnas.nn.convolve import dense, depthwise, pointwise
from effnas.nn.convolve import window as window_lib


def conv_general_dilated(
  lhs,
  rhs,
  window_strides,
  padding,
  lhs_dilation=None,
  rhs_dilation=None,
  dimension_numbers=None,
  feature_group_count=1,
  **options,
):
  """Convolves as `jax.lax.conv_general_dilated` does, faster on CPU.

  Args:
    lhs: Images, [N, H, W, C] under Flax's dimension numbers.
    rhs: Kernel, [h, w, C / groups, features].
    window_strides: Two strides.
    padding: 'SAME', 'VALID' or two (low, high) pairs.
    lhs_dilation: As in lax; anything but 1 takes the native path.
    rhs_dilation: As in lax.
    dimension_numbers: As in lax.
    feature_group_count: Groups; C groups of one channel are depthwise,
      with one filter or several for each.
    **options: Further arguments of the lax function; any that is set takes
      the native path, `precision` excepted where it is None.

  Returns:
    [N, H', W', features].

  Example:
    >>> x, w = jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 1, 2))
    >>> y = conv_general_dilated(
    ...   x, w, (2, 2), 'SAME', None, None,
    ...   lax.conv_dimension_numbers(x.shape, w.shape, dense.LAYOUT), 2)
    >>> y.shape, float(y[0, 0, 0, 0])
    ((1, 2, 2, 2), 9.0)
  """
  native: Callable[..., jax.Array] = functools.partial(
    lax.conv_general_dilated,
    window_strides=window_strides,
    padding=padding,
    lhs_dilation=lhs_dilation,
    rhs_dilation=rhs_dilation,
    dimension_numbers=dimension_numbers,
    feature_group_count=feature_group_count,
    **options,
  )
  groups, channels = feature_group_count, lhs.shape[-1]
  plain = (
    lhs.ndim == 4
    and dimension_numbers
    == lax.conv_dimension_numbers(lhs.shape, rhs.shape, dense.LAYOUT)
    and all(d == 1 for d in lhs_dilation or ())
    and all(value is None for value in options.values())
    and lhs.dtype == rhs.dtype
    and groups in (1, channels)
  )
  if not plain:
    return native(lhs, rhs)
  strides = tuple(window_strides)
  kernel, dilation = rhs.shape[:2], tuple(rhs_dilation or (1, 1))
  if isinstance(padding, str):
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = lax.padtype_to_pads(lhs.shape[1:3], reach, strides, padding)
  rows, columns = ((int(low), int(high)) for low, high in padding)
  pads = rows, columns
  if any(p < 0 for pair in pads for p in pair):
    return native(lhs, rhs)
  if groups == 1 and kernel == (1, 1) and pads == ((0, 0), (0, 0)):
    x = lhs[:, :: strides[0], :: strides[1]]
    return pointwise.matmul(x, rhs[0, 0])
  window = window_lib.Window(kernel, strides, pads, dilation)
  return _convolve(lhs, rhs, window, groups)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _convolve(x, w, window, groups):
  native = functools.partial(dense.native, window=window, groups=groups)
  if groups == 1:
    return native(x, w)

  def shifted(x, w):
    x = jnp.repeat(x, w.shape[-1] // groups, -1)  # a channel's filters
    return depthwise.forward(x, w, window)

  return lax.platform_dependent(x, w, cpu=shifted, default=native)


def _forward(x, w, window, groups):
  return _convolve(x, w, window, groups), (x, w)


def _backward(window, groups, residuals, g):
  def native(x, w, g):
    convolve = functools.partial(dense.native, window=window, groups=groups)
    return jax.vjp(convolve, x, w)[1](g)

  def plain(x, w, g):
    dx = dense.input_gradient(x.shape, w, g, window)
    return dx, dense.weight_gradient(x, w, g, window)

  def shifted(x, w, g):
    filters = w.shape[-1] // groups
    dx = depthwise.input_gradient(x.shape, w, g, window)
    dx = dx.reshape(*x.shape, filters).sum(-1)
    x = jnp.repeat(x, filters, -1)
    return dx, depthwise.weight_gradient(x, w, g, window)

  cpu = plain if groups == 1 else shifted
  return lax.platform_dependent(*residuals, g, cpu=cpu, default=native)


_convolve.defvjp(_forward, _backward)
