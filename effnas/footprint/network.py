"""What a Linen network costs, from its shapes alone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flax import linen
import numpy as np

from effnas import errors
from effnas.footprint import device, profile, roofline, weights

_LATENCY = 'latency_ms@'


def measure(
  net: linen.Module,
  input_shape: Sequence[int],
  *,
  batch: int = 1,
  targets: Iterable[str] = (),
  variables: Mapping[str, Any] | None = None,
  bits: roofline.Bits | None = None,
  input_dtype: Any = 'float32',
) -> dict[str, float]:
  """Measures the footprint of a network without running or allocating it.

  The network is traced in inference (`net.apply(variables, x)`), once for
  equal networks and shapes.

  Args:
    net: A Linen module; `net(x)` is inference.
    input_shape: Shape of one example, without the batch.
    batch: Examples at a time, for memory and latency.
    targets: Names of devices (`device.names()`) to give a latency for.
    variables: Variables (arrays or `jax.ShapeDtypeStruct`) as they would be
      shipped, e.g. of the converted integer network; for `size_bytes` only.
      The float variables by default.
    bits: Module path -> (bits of weights, bits of activations), either None
      for float, or None altogether for float; for latencies.
    input_dtype: dtype of the input, 'int32' for tokens.

  Returns:
    By metric: 'params' (trainable parameters), 'macs' (of one example),
    'size_bytes' (of the weights file), 'peak_memory_bytes' (activations at
    `batch`), and for each target T 'latency_ms@T' (of one batch). `sources`
    says where each is from.

  Raises:
    UserError: An unknown target, or a shape or batch that is not positive.

  Example:
    >>> measure(linen.Dense(10), (64,), targets=['cpu'])
    {'params': 650, 'macs': 640, 'size_bytes': 2752, 'peak_memory_bytes': 296,
     'latency_ms@cpu': 0.000111...}
  """
  devices = [device.load(t) for t in targets]
  whole = _profile(net, input_shape, batch, input_dtype)
  one = whole
  if batch != 1:
    one = _profile(net, input_shape, 1, input_dtype)
  size = whole.size_bytes
  if variables is not None:
    size = weights.size_bytes(variables)
  return {
    'params': whole.params,
    'macs': one.macs,
    'size_bytes': size,
    'peak_memory_bytes': whole.peak_memory_bytes,
  } | {
    _LATENCY + d.name: roofline.latency(whole.work, d, bits) for d in devices
  }


def sources(metrics: Iterable[str]) -> dict[str, str]:
  """Says where each number of `measure` comes from.

  Args:
    metrics: Names of metrics, e.g. the dict that `measure` returned.

  Returns:
    'counted' (exact, from the program) or 'datasheet' (a roofline from
    published peak rates) by metric.

  Example:
    >>> sources(['macs', 'latency_ms@a100'])
    {'macs': 'counted', 'latency_ms@a100': 'datasheet'}
  """
  return {
    m: 'datasheet' if m.startswith(_LATENCY) else 'counted' for m in metrics
  }


def layers(
  net: linen.Module,
  input_shape: Sequence[int],
  *,
  input_dtype: Any = 'float32',
) -> list[profile.Layer]:
  """Lists the modules that compute products or own variables.

  Args:
    net: A Linen module.
    input_shape: Shape of one example, without the batch.
    input_dtype: dtype of the input.

  Returns:
    Rows in the order of the program; their MACs, parameters and bytes add up
    to the network's.
  """
  return list(_profile(net, input_shape, 1, input_dtype).layers)


def unreached(
  net: linen.Module,
  input_shape: Sequence[int],
  paths: Iterable[str],
  *,
  input_dtype: Any = 'float32',
) -> list[tuple[str, str, int]]:
  """Lists the MACs that are not under any of some modules.

  Given the modules that a rewrite touched, this is what it cannot reach:
  `einsum` and `lax` calls outside of layers, attention products.

  Args:
    net: A Linen module.
    input_shape: Shape of one example, without the batch.
    paths: Module paths, 'stage_0/conv'; what lies below them is reached too.
    input_dtype: dtype of the input.

  Returns:
    (path, kind, MACs of one example), in the order of the program.
  """
  paths = tuple(paths)

  def reached(at):
    return any(p in ('', at) or at.startswith(p + '/') for p in paths)

  products = _profile(net, input_shape, 1, input_dtype).products
  return [row for row in products if not reached(row[0])]


def unknown(
  net: linen.Module,
  input_shape: Sequence[int],
  *,
  input_dtype: Any = 'float32',
) -> list[str]:
  """Names what a network does that the counts do not know.

  Args:
    net: A Linen module.
    input_shape: Shape of one example, without the batch.
    input_dtype: dtype of the input.

  Returns:
    'primitive at path' for unknown primitives and for while loops, whose body
    counts once.
  """
  return list(_profile(net, input_shape, 1, input_dtype).unknown)


def _profile(net, input_shape, batch, input_dtype) -> profile.Profile:
  shape = tuple(input_shape)
  whole = all(isinstance(n, int | np.integer) for n in (batch, *shape))
  if not whole or min(batch, *shape, 1) < 1:
    raise errors.UserError(
      'an input shape and a batch are positive whole numbers; '
      f'got shape {shape} and batch {batch}'
    )
  shape = (int(batch), *map(int, shape))
  return profile.profile(net, shape, np.dtype(input_dtype).name)
