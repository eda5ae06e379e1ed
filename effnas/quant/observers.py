"""Static calibration: the range of activations, from batches that pass by.

An observer is three pure functions, which jit and `jax.vmap` (a range per
channel from any of them: map over the channels):

    state = observer.init(shape of a batch)
    state = observer.update(state, batch)
    low, high = observer.range(state)

and `effnas.quant.fake.covering` makes a grid of the range. Dynamic ranges need
no calibration: `effnas.quant.fake.dynamic`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.quant import fake, histogram

# Magnitudes are counted in so many bins. At least half of them lie below the
# largest one, and so at least the 2048 of the entropy method's reference do.
BINS = 4096


class State(NamedTuple):
  """What an observer remembers.

  Attributes:
    seen: Of the kind of observer.
    batches: Number of updates.
    bad: Number of values that were not finite; they count as zero.
  """

  seen: NamedTuple
  batches: jax.Array
  bad: jax.Array


class Observer(NamedTuple):
  """How to find a range.

  Attributes:
    init: Shape of a batch -> state.
    update: (state, batch) -> state.
    range: State after at least one batch -> (low, high), float32.
  """

  init: Callable[[Sequence[int]], State]
  update: Callable[[State, jax.Array], State]
  range: Callable[[State], tuple[jax.Array, jax.Array]]


class _Range(NamedTuple):
  low: jax.Array
  high: jax.Array


def calibrate(
  observer: Observer, batches: Iterable[jax.Array]
) -> tuple[jax.Array, jax.Array]:
  """Shows batches to an observer.

  Args:
    observer: Any of this file.
    batches: Floating-point arrays; those of one shape share a program.

  Returns:
    (low, high).

  Raises:
    UserError: There is no value, or one that is not finite.

  Example:
    >>> batches = [jnp.array([-1., 2.]), jnp.array([0., 5.])]
    >>> [float(end) for end in calibrate(min_max(), batches)]
    [-1.0, 5.0]
  """
  update, state = jax.jit(observer.update), None
  for i, batch in enumerate(batches):
    if not batch.size:
      continue
    state = observer.init(batch.shape) if state is None else state
    state = update(state, batch)
    if bad := int(np.sum(state.bad)):
      raise errors.UserError(
        f'activations are finite in calibration; {bad} of the {batch.size} in '
        f'batch {i} are not'
      )
  if state is None:
    raise errors.UserError('calibration needs a batch with values; got none')
  return jax.jit(observer.range)(state)


def min_max(axes: Sequence[int] | None = None) -> Observer:
  """Observes the smallest and the largest value of all.

  Args:
    axes: The axes of a batch that share a range, kept at size 1; None shares
      it among all and gives scalars.

  Returns:
    The observer.

  Example:
    >>> batch = jnp.array([[1., -2.], [3., 4.]])
    >>> low, high = calibrate(min_max((0,)), [batch])
    >>> low.tolist(), high.tolist()
    ([[1.0, -2.0]], [[3.0, 4.0]])
  """

  def join(old, new, batches):
    del batches
    return _Range(
      jnp.minimum(old.low, new.low), jnp.maximum(old.high, new.high)
    )

  return _of_ranges(axes, join)


def moving_average(
  momentum: float = 0.9, axes: Sequence[int] | None = None
) -> Observer:
  """Observes the smallest and the largest value of a batch, on average.

  Args:
    momentum: Share of the average that a batch leaves, in [0, 1); the first
      batch is the first average.
    axes: As for `min_max`.

  Returns:
    The observer.

  Raises:
    UserError: A momentum outside of [0, 1).

  Reference:
    Jacob et al., 2018, Quantization and Training of Neural Networks for
    Efficient Integer-Arithmetic-Only Inference,
    https://arxiv.org/abs/1712.05877

  Example:
    >>> batches = [jnp.array([-1., 2.]), jnp.array([0., 6.])]
    >>> [float(end) for end in calibrate(moving_average(.75), batches)]
    [-0.75, 3.0]
  """
  if not 0 <= momentum < 1:
    raise errors.UserError(
      f'the momentum of a range is in [0, 1); got {momentum}'
    )

  def join(old, new, batches):
    def average(old, new):  # The first `old` is infinite.
      mean = momentum * old + (1 - momentum) * new
      return jnp.where(batches == 0, new, mean)

    return _Range(average(old.low, new.low), average(old.high, new.high))

  return _of_ranges(axes, join)


def magnitude() -> Observer:
  """Observes the mean magnitude m, and gives the range from -m to m.

  Returns:
    The observer, of one range.

  Example:
    >>> batches = [jnp.array([-1., 2.]), jnp.array([0., 5.])]
    >>> [float(end) for end in calibrate(magnitude(), batches)]
    [-2.0, 2.0]
  """

  def see(state, x):
    new, n = jnp.abs(x).mean(dtype=jnp.float32), state.batches
    mean = state.seen.high + (new - state.seen.high) / (n + 1)
    return _Range(-mean, mean)

  zero = jnp.zeros((), jnp.float32)
  return Observer(
    lambda shape: _state(_Range(zero, zero)),
    _counted(see),
    lambda state: tuple(state.seen),
  )


def percentile(percent: float = 99.99, bins: int = BINS) -> Observer:
  """Observes the range that leaves out a share of the values at each end.

  Args:
    percent: In (50, 100], e.g. 99.9; 100 gives `min_max`.
    bins: Of the histogram, on each side of zero; a power of two. The ends are
      at most a bin too far out.

  Returns:
    The observer, of one range.

  Raises:
    UserError: A percentage or a number of bins outside of these.

  Example:
    >>> low, high = calibrate(percentile(99.), [jnp.arange(1001.)])
    >>> float(low), float(high)
    (10.0, 990.25)
  """
  if not 50 < percent <= 100:
    raise errors.UserError(
      f'a percentile of a range is in (50, 100]; got {percent}'
    )
  return _of_histograms(bins, lambda seen: histogram.percentiles(seen, percent))


def mse(
  bits: int,
  zero_point: bool = False,
  candidates: int = 100,
  bins: int = BINS,
) -> Observer:
  """Observes the range under which quantization errs least, squared.

  Both ends shrink together, from the smallest and largest value on in equal
  steps to nothing.

  Args:
    bits: 1 to 8, to which activations will be quantized.
    zero_point: Whether the grid will be asymmetric.
    candidates: Number of steps.
    bins: As for `percentile`.

  Returns:
    The observer, of one range.

  Raises:
    UserError: A number of bits or of bins that is not supported.

  Example:
    >>> x = jnp.append(jnp.linspace(-1, 1, 1000), 4.)
    >>> low, high = calibrate(mse(4), [x])
    >>> float(low), float(high)
    (-1.0, 1.7599...)
  """
  fake.symmetric(jnp.ones((), jnp.float32), bits)  # Checks the bits.

  def find(seen):
    ends = histogram.edges(seen)
    centres = (ends[1:] + ends[:-1]) / 2

    def error(share):
      low, high = shrunk(share)
      grid = fake.covering(low, high, bits, zero_point)
      return (seen.counts * (fake.quantize(centres, grid) - centres) ** 2).sum()

    def shrunk(share):
      if zero_point:
        return share * seen.low, share * seen.high
      bound = share * jnp.maximum(jnp.abs(seen.low), jnp.abs(seen.high))
      return _within(seen, bound)

    shares = jnp.arange(candidates, 0, -1, jnp.float32) / candidates
    return shrunk(shares[jnp.argmin(lax.map(error, shares))])

  return _of_histograms(bins, find)


def entropy(bits: int = 8, bins: int = BINS) -> Observer:
  """Observes the range whose quantized histogram diverges least (TensorRT's).

  The grid will be symmetric. Zeros count like any other value.

  Args:
    bits: 2 to 8; magnitudes take 2^(bits - 1) levels.
    bins: As for `percentile`; more than the levels.

  Returns:
    The observer, of one range.

  Raises:
    UserError: A number of bits or of bins that is not supported.

  Reference:
    Migacz, 2017, 8-bit Inference with TensorRT (GTC 2017, S7310)

  Example:
    >>> x = jnp.append(jnp.linspace(-1, 1, 5000), 4.)
    >>> low, high = calibrate(entropy(bins=256), [x])
    >>> float(low), float(high)
    (-1.0, 4.0)
  """
  levels = 2 ** (bits - 1)
  if bits not in range(2, 9) or bins <= levels:
    raise errors.UserError(
      f'entropy takes 2 to 8 bits and more than 2^(bits - 1) bins; got {bits} '
      f'bits and {bins} bins'
    )

  def find(seen):
    kept = histogram.entropy_bins(histogram.magnitudes(seen), levels)
    width = histogram.edges(seen)[bins + 1]
    return _within(seen, (kept + 0.5) * width)

  return _of_histograms(bins, find)


def _within(seen, bound):
  """The range of what was seen, cut at a magnitude."""
  return jnp.maximum(seen.low, -bound), jnp.minimum(seen.high, bound)


def _of_ranges(axes, join):
  """Observers of the smallest and largest values of batches."""

  def init(shape):
    shared = range(len(shape)) if axes is None else axes
    shared = {axis % len(shape) for axis in shared}
    kept = [1 if i in shared else n for i, n in enumerate(shape)]
    zeros = jnp.zeros(() if axes is None else kept, jnp.float32)
    return _state(_Range(zeros + jnp.inf, zeros - jnp.inf))

  def see(state, x):
    along = None if axes is None else tuple(axes)
    low, high = (
      f(x, along, keepdims=axes is not None) for f in (jnp.min, jnp.max)
    )
    return join(state.seen, _Range(low, high), state.batches)

  return Observer(init, _counted(see), lambda state: tuple(state.seen))


def _of_histograms(bins, find):
  """Observers that look at all values in the end."""
  if bins < 2 or bins & (bins - 1):
    raise errors.UserError(
      f'a histogram has a power of two of bins; got {bins}, take '
      f'{2 ** max(1, bins.bit_length())}'
    )

  def see(state, x):
    return histogram.add(state.seen, x)

  return Observer(
    lambda shape: _state(histogram.empty(bins)),
    _counted(see),
    lambda state: find(state.seen),
  )


def _state(seen):
  return State(seen, jnp.int32(0), jnp.int32(0))


def _counted(see):
  """An update from a function of finite values."""

  def update(state, x):
    finite = jnp.isfinite(x)
    x = jnp.where(finite, x, 0)
    bad = state.bad + (~finite).sum(dtype=jnp.int32)
    return State(see(state, x), state.batches + 1, bad)

  return update
