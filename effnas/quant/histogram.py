"""Histograms that grow with what they count, for the calibration of ranges.

Bins are of one width, a power of two, on both sides of zero. Where a batch
goes beyond them the width doubles and bins merge in pairs, so counts never
depend on the order of the batches or on how values are divided among them.
"""

from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

# Magnitudes below 2^_LEAST all count as small.
_LEAST = -100


class Histogram(NamedTuple):
  """Counts of values between -2^exponent and 2^exponent.

  Attributes:
    counts: [2 * bins] float32, which cannot overflow, and whole up to 2^24.
    exponent: int32.
    low: Smallest value so far.
    high: Largest value so far.
  """

  counts: jax.Array
  exponent: jax.Array
  low: jax.Array
  high: jax.Array


def empty(bins: int) -> Histogram:
  """Returns a histogram of nothing.

  Args:
    bins: On each side of zero, a power of two.

  Example:
    >>> empty(4).counts.shape
    (8,)
  """
  return Histogram(
    jnp.zeros(2 * bins, jnp.float32),
    jnp.int32(_LEAST),
    jnp.float32(jnp.inf),
    jnp.float32(-jnp.inf),
  )


def add(histogram: Histogram, x: jax.Array) -> Histogram:
  """Counts the values of an array too.

  Args:
    histogram: So far.
    x: Finite values, any shape.

  Returns:
    The histogram with them.

  Example:
    >>> found = add(empty(2), jnp.array([-.75, .25, .25]))
    >>> add(found, jnp.array([1.5])).counts.tolist()
    [0.0, 1.0, 2.0, 1.0]
  """
  x = x.astype(jnp.float32).ravel()
  size = jnp.abs(x).max()
  _, exponent = jnp.frexp(size)  # size < 2^exponent
  exponent = jnp.where(size == 0, _LEAST, exponent).astype(jnp.int32)
  exponent = jnp.maximum(histogram.exponent, exponent)
  bins = histogram.counts.size // 2
  shift = jnp.minimum(exponent - histogram.exponent, 31)
  merged = (jnp.arange(2 * bins, dtype=jnp.int32) - bins) >> shift
  counts = jnp.zeros_like(histogram.counts)
  counts = counts.at[merged + bins].add(histogram.counts)
  place = jnp.floor(x / _width(exponent, bins)).astype(jnp.int32) + bins
  new = jnp.zeros(2 * bins, jnp.int32).at[place].add(1)
  return Histogram(
    counts + new,
    exponent,
    jnp.minimum(histogram.low, x.min()),
    jnp.maximum(histogram.high, x.max()),
  )


def edges(histogram: Histogram) -> jax.Array:
  """Returns the ends of the bins, [2 * bins + 1], ascending.

  Example:
    >>> edges(add(empty(2), jnp.array([1.5]))).tolist()
    [-2.0, -1.0, 0.0, 1.0, 2.0]
  """
  bins = histogram.counts.size // 2
  steps = jnp.arange(-bins, bins + 1, dtype=jnp.float32)
  return steps * _width(histogram.exponent, bins)


def percentiles(
  histogram: Histogram, percent: float
) -> tuple[jax.Array, jax.Array]:
  """Returns the range that loses a share of the values on each side.

  Args:
    histogram: Of the values.
    percent: Of the values, at or below the upper end and at or above the lower
      one; 100 gives the smallest and the largest value.

  Returns:
    (low, high), at edges of bins or the ends of what was counted, outwards.

  Example:
    >>> found = add(empty(64), jnp.arange(101.))
    >>> [float(end) for end in percentiles(found, 95)]
    [4.0, 96.0]
  """
  counts, ends = histogram.counts, edges(histogram)
  tail = counts.sum() * ((100 - percent) / 100)
  above = jnp.cumsum(counts[::-1])[::-1] - counts
  below = jnp.cumsum(counts) - counts
  high = ends[1:][jnp.argmax(above <= tail)]
  low = ends[counts.size - 1 - jnp.argmax(below[::-1] <= tail)]
  return (
    jnp.maximum(low, histogram.low),
    jnp.minimum(high, histogram.high),
  )


def magnitudes(histogram: Histogram) -> jax.Array:
  """Returns the counts of the magnitudes, [bins] from zero upwards.

  Example:
    >>> magnitudes(add(empty(2), jnp.array([-1.5, .5, 1.]))).tolist()
    [1.0, 2.0]
  """
  bins = histogram.counts.size // 2
  return histogram.counts[bins:] + histogram.counts[:bins][::-1]


def divergence(counts: jax.Array, kept: jax.Array, levels: int) -> jax.Array:
  """Returns what is lost by quantizing the first bins to a few levels.

  The reference P is the first bins, the last of them with all that lies
  beyond. Q is the first bins without that, each level's count spread evenly
  over those of its bins where P is not zero.

  Args:
    counts: [bins], from zero upwards.
    kept: Number of bins.
    levels: Number of levels, each of about kept / levels bins.

  Returns:
    The Kullback-Leibler divergence of Q from P in nats; infinite where Q is
    zero and P is not.

  Reference:
    Migacz, 2017, 8-bit Inference with TensorRT (GTC 2017, S7310)

  Example:
    >>> counts = jnp.array([1., 0., 2., 3., 5., 3., 1., 7.])
    >>> float(divergence(counts, 8, 2))  # Q: 2, 0, 2, 2, 4, 4, 4, 4 of 22.
    0.1503...
  """
  at = jnp.arange(counts.size, dtype=jnp.int32)
  first = at < kept
  q = jnp.where(first, counts, 0)
  p = q + jnp.where(at == kept - 1, counts.sum() - q.sum(), 0)
  level = jnp.where(first, at * levels // kept, levels - 1)
  total = jax.ops.segment_sum(q, level, levels)
  bins = jax.ops.segment_sum((p > 0).astype(p.dtype), level, levels)
  q = jnp.where(p > 0, (total / jnp.maximum(bins, 1))[level], 0)
  p, q = p / p.sum(), q / q.sum()
  lost = jnp.where(p > 0, p * (jnp.log(p) - jnp.log(q)), 0)
  return jnp.where(jnp.any((p > 0) & ~(q > 0)), jnp.inf, lost.sum())


def entropy_bins(counts: jax.Array, levels: int) -> jax.Array:
  """Returns the number of bins to keep that loses least.

  Args:
    counts: [bins], from zero upwards.
    levels: Number of levels.

  Returns:
    From `levels` to the number of bins up to the last count; the latter where
    it is smaller.

  Example:
    >>> int(entropy_bins(jnp.ones(16), 4))
    16
  """
  kept = jnp.arange(1, counts.size + 1, dtype=jnp.int32)
  last = counts.size - jnp.argmax(counts[::-1] > 0)
  lost = lax.map(lambda k: divergence(counts, k, levels), kept)
  allowed = (kept >= jnp.minimum(levels, last)) & (kept <= last)
  return kept[jnp.argmin(jnp.where(allowed, lost, jnp.inf))]


def _width(exponent, bins):
  return jnp.ldexp(jnp.float32(1), exponent - (bins.bit_length() - 1))
