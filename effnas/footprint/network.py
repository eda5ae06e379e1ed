"""What a Linen network costs, from its shapes alone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flax import linen
import numpy as np

from effnas.footprint import bounds, inputs, profile, weights
from effnas.footprint.latency import roofline
from effnas.footprint.latency import target as target_lib

LATENCY = 'latency_ms@'


def measure(
  net: linen.Module,
  input_shape: Sequence[int],
  *,
  batch: int | None = None,
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
    batch: Examples at a time, for memory and latency. By default 1, and for the
      latency of a calibrated target that of its measurements.
    targets: Names of targets to give a latency for, as `target.load` takes
      them: 'tpu_v5e', 'tpu_v3:128' (at that batch), 'mine.json'.
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
  on = target_lib.choose(targets)
  at_once = 1 if batch is None else batch
  whole = profiled(net, input_shape, at_once, input_dtype)
  one = whole
  if at_once != 1:
    one = profiled(net, input_shape, 1, input_dtype)
  size = whole.size_bytes
  if variables is not None:
    size = weights.size_bytes(variables)
  return {
    'params': whole.params,
    'macs': one.macs,
    'size_bytes': size,
    'peak_memory_bytes': whole.peak_memory_bytes,
  } | {
    LATENCY + target.name: target.latency(
      profiled(net, input_shape, target.at(batch), input_dtype), bits
    )
    for target in on
  }


def sources(
  net: linen.Module,
  input_shape: Sequence[int],
  *,
  batch: int | None = None,
  targets: Iterable[str] = (),
  bits: roofline.Bits | None = None,
  input_dtype: Any = 'float32',
) -> dict[str, str]:
  """Says where each number of `measure` comes from.

  Args:
    net: As for `measure`, as all others.
    input_shape: Shape of one example, without the batch.
    batch: As for `measure`.
    targets: Names of targets.
    bits: As for `measure`.
    input_dtype: dtype of the input.

  Returns:
    By metric: 'counted' (exact, from the program), or for a latency 'datasheet'
    (a roofline from published peak rates) or 'calibrated' (a cost model fitted
    to n measured networks, with its error on others), the formats that
    products run in, and the batch. It says so where MACs and latencies are
    lower bounds, as the program holds what cannot be counted.

  Example:
    >>> found = sources(linen.Dense(10), (64,), targets=['tpu_v5e'])
    >>> found['macs'], found['latency_ms@tpu_v5e']
    ('counted', 'datasheet, bfloat16, batch 1')
  """
  found = dict.fromkeys(
    ('params', 'macs', 'size_bytes', 'peak_memory_bytes'), 'counted'
  )
  uncounted = profiled(net, input_shape, 1, input_dtype).unknown
  found['macs'] = bounds.told(found['macs'], uncounted)
  for target in target_lib.choose(targets):
    whole = profiled(net, input_shape, target.at(batch), input_dtype)
    said = target.said(whole, bits, batch)
    found[LATENCY + target.name] = bounds.told(said, uncounted)
  return found


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
  return list(profiled(net, input_shape, 1, input_dtype).layers)


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

  products = profiled(net, input_shape, 1, input_dtype).products
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
    'primitive at path' for unknown primitives, and for while loops of which
    the program does not tell how often they run: their body counts once.
  """
  return list(profiled(net, input_shape, 1, input_dtype).unknown)


def profiled(
  net: linen.Module,
  input_shape: Sequence[int],
  batch: int,
  input_dtype: Any,
  seen: profile.Seen | None = None,
) -> profile.Profile:
  """Profiles a network, and says what is wrong with a shape or a batch.

  Args:
    net: A Linen module.
    input_shape: Shape of one example, without the batch.
    batch: Examples at a time.
    input_dtype: dtype of the input.
    seen: As for `profile.profile`.

  Returns:
    The profile.

  Raises:
    UserError: A shape or a batch that is not positive.
  """
  shape = inputs.shape(input_shape, batch)
  return profile.profile(net, shape, np.dtype(input_dtype).name, seen)


def quantities(
  net: linen.Module,
  input_shape: Sequence[int],
  *,
  batch: int = 1,
  input_dtype: Any = 'float32',
  seen: profile.Seen | None = None,
) -> np.ndarray:
  """Adds up the work of a network by operation class, for calibration.

  Args:
    net: A Linen module.
    input_shape: Shape of one example, without the batch.
    batch: Examples at a time.
    input_dtype: dtype of the input.
    seen: As for `profile.profile`.

  Returns:
    float64 [len(features.NAMES)].
  """
  return target_lib.quantities(
    profiled(net, input_shape, batch, input_dtype, seen)
  )
