"""Two-dimensional convolution that is fast on CPU too, inside loops as well.

`conv_general_dilated` takes the arguments of the function of that name in
`jax.lax` and gives the same values. What it adds, on CPU only:

*   depthwise convolutions are sums of shifted products (XLA's grouped
    convolution there is 10 to 40 times slower);
*   the gradients of ordinary convolutions are written as products of patches
    and as forward convolutions: XLA's own gradient convolutions are 10 to 45
    times slower inside `lax.scan`, where effnas runs an epoch.

On every platform a 1x1 convolution is a matrix product. The platform is chosen
by `lax.platform_dependent` when a program is lowered, so that tracing
initialises no backend and a jaxpr always holds the native convolution.
"""

from collections.abc import Callable
import functools
import math

import jax
from jax import lax
import jax.numpy as jnp

_LAYOUT = ('NHWC', 'HWIO', 'NHWC')
# Examples whose patches are held at once for a weight gradient: enough to keep
# the matrix product busy, few enough to stay in the cache.
_CHUNK = 8

Pads = tuple[tuple[int, int], tuple[int, int]]


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
    rhs_dilation: As in lax; anything but 1 takes the native path.
    dimension_numbers: As in lax.
    feature_group_count: Groups; C groups of one channel are depthwise.
    **options: Further arguments of the lax function; any that is set takes
      the native path, `precision` excepted where it is None.

  Returns:
    [N, H', W', features].

  Example:
    >>> x = jnp.ones((1, 4, 4, 2))
    >>> w = jnp.ones((3, 3, 1, 2))
    >>> y = conv_general_dilated(
    ...   x, w, (2, 2), 'SAME', None, None,
    ...   lax.conv_dimension_numbers(x.shape, w.shape, _LAYOUT), 2)
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
  plain = (
    lhs.ndim == 4
    and dimension_numbers
    == lax.conv_dimension_numbers(lhs.shape, rhs.shape, _LAYOUT)
    and all(d == 1 for d in (*(lhs_dilation or ()), *(rhs_dilation or ())))
    and all(value is None for value in options.values())
    and lhs.dtype == rhs.dtype
  )
  groups = feature_group_count
  depthwise = groups == lhs.shape[-1] == rhs.shape[-1] and groups > 1
  if not plain or (groups > 1 and not depthwise):
    return native(lhs, rhs)
  strides = tuple(window_strides)
  kernel = rhs.shape[:2]
  if isinstance(padding, str):
    padding = lax.padtype_to_pads(lhs.shape[1:3], kernel, strides, padding)
  pads = tuple((int(low), int(high)) for low, high in padding)
  if kernel == (1, 1) and pads == ((0, 0), (0, 0)) and not depthwise:
    x = lhs[:, :: strides[0], :: strides[1]]
    return lax.dot_general(x, rhs[0, 0], (((3,), (0,)), ((), ())))
  if any(p < 0 for pair in pads for p in pair):
    return native(lhs, rhs)
  return _convolve(lhs, rhs, strides, pads, depthwise)


def _native(x, w, strides, pads, depthwise):
  groups = x.shape[-1] if depthwise else 1
  return lax.conv_general_dilated(
    x,
    w,
    strides,
    pads,
    dimension_numbers=_LAYOUT,
    feature_group_count=groups,
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _convolve(x, w, strides, pads, depthwise):
  native = functools.partial(
    _native, strides=strides, pads=pads, depthwise=depthwise
  )
  if not depthwise:
    return native(x, w)
  shifted = functools.partial(_depthwise, strides=strides, pads=pads)
  return lax.platform_dependent(x, w, cpu=shifted, default=native)


def _forward(x, w, strides, pads, depthwise):
  return _convolve(x, w, strides, pads, depthwise), (x, w)


def _backward(strides, pads, depthwise, residuals, g):
  def native(x, w, g):
    f = functools.partial(
      _native, strides=strides, pads=pads, depthwise=depthwise
    )
    return jax.vjp(f, x, w)[1](g)

  def cpu(x, w, g):
    dx = _input_gradient(x.shape, w, g, strides, pads, depthwise)
    return dx, _weight_gradient(x, w, g, strides, pads, depthwise)

  return lax.platform_dependent(*residuals, g, cpu=cpu, default=native)


_convolve.defvjp(_forward, _backward)


def _taps(x, kernel, strides, out):
  """Yields, for each kernel position, the inputs that it meets."""
  (kh, kw), (sh, sw), (oh, ow) = kernel, strides, out
  for i in range(kh):
    for j in range(kw):
      rows = slice(i, i + (oh - 1) * sh + 1, sh)
      yield i, j, x[:, rows, j : j + (ow - 1) * sw + 1 : sw]


def _out_size(x, kernel, strides):
  return tuple(
    (size - k) // s + 1
    for size, k, s in zip(x.shape[1:3], kernel, strides, strict=True)
  )


def _depthwise(x, w, strides, pads):
  x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
  kernel = w.shape[:2]
  out = _out_size(x, kernel, strides)
  return sum(t * w[i, j, 0] for i, j, t in _taps(x, kernel, strides, out))


def _input_gradient(shape, w, g, strides, pads, depthwise):
  """The transposed convolution, written as a forward one on a dilated g."""
  spread = [(0, 0, 0)]
  for axis, (stride, (low, _)) in enumerate(
    zip(strides, pads, strict=True), start=1
  ):
    size, k = shape[axis], w.shape[axis - 1]
    reach = (g.shape[axis] - 1) * stride + 1
    spread.append((k - 1 - low, size + low - reach, stride - 1))
  g = lax.pad(g, jnp.zeros((), g.dtype), [*spread, (0, 0, 0)])
  w = w[::-1, ::-1]
  none = ((0, 0), (0, 0))
  if depthwise:
    return _depthwise(g, w, (1, 1), none)
  return _native(g, w.swapaxes(2, 3), (1, 1), none, depthwise=False)


def _weight_gradient(x, w, g, strides, pads, depthwise):
  """Sums over the batch in a scan, a few examples' patches at a time."""
  kernel, out = w.shape[:2], g.shape[1:3]
  x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
  chunk = 1 if depthwise else math.gcd(x.shape[0], _CHUNK)

  def part(x, g):
    patches = [t for _, _, t in _taps(x, kernel, strides, out)]
    if depthwise:
      return jnp.stack([(t * g).sum((0, 1, 2)) for t in patches])
    columns = jnp.concatenate(patches, axis=-1)
    return jnp.tensordot(columns, g, ((0, 1, 2), (0, 1, 2)))

  def body(total, xs):
    return total + part(*xs).astype(total.dtype), None

  xs, gs = (a.reshape(-1, chunk, *a.shape[1:]) for a in (x, g))
  total = jnp.zeros((math.prod(w.shape[:-1]), w.shape[-1]), jnp.float32)
  return lax.scan(body, total, (xs, gs))[0].reshape(w.shape).astype(w.dtype)
