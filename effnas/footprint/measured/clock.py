"""Latency on the device that is present, by running it.

The latency is that of a call as a user makes it, one after another: from the
call in Python to when its results lie ready on the device, arguments already
there. For a small program most of it is the cost of a call. (Runs chained
inside one program would be another number, without that cost; it is not given.)
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import math
import time
from typing import Any

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.footprint import inputs
from effnas.footprint.measured import energy

FLOATS = ('float32', 'bfloat16', 'float16')
# The timing has settled when the median is known to within this share of it.
_SETTLED = 0.005


@dataclasses.dataclass(frozen=True)
class Measured:
  """A latency and what belongs to it; the source of each is 'measured'.

  Attributes:
    median_ms: Of a call, milliseconds.
    p5_ms: 5th percentile.
    p95_ms: 95th percentile.
    repetitions: Timed calls, after those to warm up.
    settled: Whether the median is known to within half a per cent (its 95 %
      confidence interval), rather than the time having run out.
    device: Kind of the device, as JAX names it.
    platform: 'cpu', 'gpu' or 'tpu'.
    peak_memory_bytes: Most bytes on the device that the program and its
      arguments held, or None where the device does not tell.
    energy_joules: Of one call, or None where it cannot be read.
    energy_counter: What counted it, or None.
    batch: Examples in a call, or None for a function that has none.
    float_format: Type of the arithmetic, or None likewise.
  """

  median_ms: float
  p5_ms: float
  p95_ms: float
  repetitions: int
  settled: bool
  device: str
  platform: str
  peak_memory_bytes: int | None = None
  energy_joules: float | None = None
  energy_counter: str | None = None
  batch: int | None = None
  float_format: str | None = None


def time_network(
  net: linen.Module,
  input_shape: Sequence[int],
  batch: int = 1,
  *,
  input_dtype: Any = 'float32',
  float_format: str = 'float32',
  variables: Mapping[str, Any] | None = None,
  seconds: float = 2.0,
  repetitions: int = 10,
  seed: int = 0,
  device: Any = None,
) -> Measured:
  """Times the inference of a network at a batch size.

  Args:
    net: A Linen module; `net(x)` is inference.
    input_shape: Shape of one example, without the batch.
    batch: Examples in a call.
    input_dtype: dtype of the input, 'int32' for tokens.
    float_format: Type of parameters and inputs: 'float32', 'bfloat16' or
      'float16'. Statistics keep theirs, as in training.
    variables: Variables to run it with; random ones by default.
    seconds: About how long to time.
    repetitions: Calls to time at least.
    seed: Of inputs and parameters.
    device: A JAX device; the first of the default backend by default.

  Returns:
    The latency of a whole batch.

  Raises:
    UserError: A batch or shape that is not positive or does not fit the
      device's memory, or an unknown format.

  Example:
    >>> found = time_network(linen.Dense(8), (4,), batch=2, seconds=0.01)
    >>> found.batch, found.repetitions >= 10, found.median_ms > 0
    (2, True, True)
  """
  shape = inputs.shape(input_shape, batch)
  if float_format not in FLOATS:
    raise errors.unknown('float format', float_format, FLOATS)
  rng = np.random.default_rng(seed)
  x = jax.ShapeDtypeStruct(shape, input_dtype)
  if variables is None:
    key = jax.eval_shape(lambda: jax.random.key(0))
    variables = _random(jax.eval_shape(net.init, key, x), rng)
  given = dict(variables)
  if 'params' in given:
    given['params'] = _cast(given['params'], float_format)
  if jnp.issubdtype(x.dtype, jnp.floating):
    values = _cast(rng.standard_normal(shape, np.float32), float_format)
  else:
    values = rng.integers(0, _entries(given), shape).astype(x.dtype)
  try:
    found = time_callable(
      net.apply,
      given,
      values,
      seconds=seconds,
      repetitions=repetitions,
      device=device,
    )
  except jax.errors.JaxRuntimeError as e:
    if 'RESOURCE_EXHAUSTED' not in str(e):
      raise
    raise errors.UserError(
      f'a batch of {batch} does not fit the memory of the device; '
      'try a smaller one'
    ) from None
  return dataclasses.replace(found, batch=batch, float_format=float_format)


def time_callable(
  f: Callable,
  *args: Any,
  seconds: float = 2.0,
  repetitions: int = 10,
  device: Any = None,
) -> Measured:
  """Times a function of arrays: compiled once, warmed up, synchronised.

  Args:
    f: A function that JAX can trace, jitted or not.
    *args: Trees of arrays; put on the device before, so that no transfer is
      timed and no value is compiled in.
    seconds: About how long to time. It ends sooner when the median has
      settled, but not before half of it.
    repetitions: Calls to time at least, whatever they take.
    device: A JAX device; the first of the default backend by default.

  Returns:
    The latency.

  Raises:
    UserError: Fewer than one repetition or no time.

  Example:
    >>> found = time_callable(jnp.sin, np.ones(8, np.float32), seconds=0.01)
    >>> found.p5_ms <= found.median_ms <= found.p95_ms
    True
  """
  if repetitions < 1 or not seconds > 0:
    raise errors.UserError(
      'a timing needs at least one repetition and some time; '
      f'got {repetitions} repetitions and {seconds} seconds'
    )
  device = jax.devices()[0] if device is None else device
  in_use = _memory(device)
  args = jax.block_until_ready(jax.device_put(args, device))
  jitted = f if hasattr(f, 'lower') else jax.jit(f)
  run = jitted.lower(*args).compile()
  before = _memory(device)
  for _ in range(3):
    jax.block_until_ready(run(*args))
  counter = energy.counter(device.platform, device.local_hardware_id or 0)
  with energy.section(counter) as used:
    times, settled = _repeat(lambda: run(*args), seconds, repetitions)
  after = _memory(device)
  peak = None
  # A device tells the peak of its whole life, so this program must raise it.
  if in_use and before and after and after[1] > before[1]:
    peak = after[1] - in_use[0]
  p5, median, p95 = np.percentile(times, (5, 50, 95)) * 1e3
  return Measured(
    median_ms=float(median),
    p5_ms=float(p5),
    p95_ms=float(p95),
    repetitions=len(times),
    settled=settled,
    device=device.device_kind,
    platform=device.platform,
    peak_memory_bytes=peak,
    energy_joules=None if used.joules is None else used.joules / len(times),
    energy_counter=used.counter,
  )


def _repeat(
  call: Callable, seconds: float, least: int
) -> tuple[list[float], bool]:
  """Times calls until the median has settled or the time is over."""
  times: list[float] = []
  start = time.perf_counter()
  check = least
  while True:
    before = time.perf_counter()
    jax.block_until_ready(call())
    after = time.perf_counter()
    times.append(after - before)
    over = after - start >= seconds
    if len(times) < least or not (over or len(times) >= check):
      continue
    check = len(times) * 5 // 4 + 1
    settled = _settled(times)
    if over or (settled and after - start >= seconds / 2):
      return times, settled


def _settled(times: Sequence[float]) -> bool:
  """Whether the median's 95 % confidence interval is narrow.

  Its ends are order statistics (the sign test), whatever the distribution.
  """
  n = len(times)
  half = 0.98 * math.sqrt(n)
  low, high = math.floor(n / 2 - half), math.ceil(n / 2 + half)
  if low < 0 or high >= n:
    return False
  ordered = sorted(times)
  return ordered[high] - ordered[low] <= 2 * _SETTLED * ordered[n // 2]


def _memory(device: Any) -> tuple[int, int] | None:
  """Bytes in use on the device, and their peak so far."""
  stats = device.memory_stats() or {}
  if 'bytes_in_use' not in stats or 'peak_bytes_in_use' not in stats:
    return None
  return stats['bytes_in_use'], stats['peak_bytes_in_use']


def _random(shapes: Any, rng: np.random.Generator) -> Any:
  """Arrays that keep activations in range: no zeros, NaNs or denormals."""

  def one(leaf):
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
      return rng.integers(-7, 8, leaf.shape).astype(leaf.dtype)
    if len(leaf.shape) < 2:  # scales, variances, biases
      return (0.9 + 0.2 * rng.random(leaf.shape)).astype(leaf.dtype)
    fan_in = math.prod(leaf.shape[:-1])
    drawn = rng.standard_normal(leaf.shape, np.float32)
    return (drawn / math.sqrt(fan_in)).astype(leaf.dtype)

  return jax.tree.map(one, shapes)


def _cast(tree: Any, dtype: str) -> Any:
  return jax.tree.map(
    lambda a: a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.floating) else a,
    tree,
  )


def _entries(variables: Any) -> int:
  """How many tokens every embedding table of a network knows."""
  sizes = [
    leaf.shape[0]
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables)
    if 'embedding' in str(path[-1])
  ]
  return min(sizes, default=2)
