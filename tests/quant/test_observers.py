"""Calibrated ranges are what their definitions say, in any order of batches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.quant import fake, histogram, observers

BINS = 512
OBSERVERS = {
  'min_max': observers.min_max(),
  'moving_average': observers.moving_average(),
  'percentile': observers.percentile(99, BINS),
  'mse': observers.mse(4, bins=BINS),
  'mse_asymmetric': observers.mse(4, True, bins=BINS),
  'entropy': observers.entropy(6, BINS),
}


def _batches(n=4, size=500):
  """Batches that grow, so that a histogram has to widen, with both signs."""
  x = jax.random.normal(jax.random.key(0), (n, size))
  return x * 3.0 ** jnp.arange(n)[:, None] + 0.2


def _heavy():
  return jax.random.t(jax.random.key(1), 3.0, (20_000,))


def _error(x, low, high, bits, zero_point=False):
  grid = fake.covering(low, high, bits, zero_point)
  return jnp.square(fake.quantize(x, grid) - x).mean()


@pytest.mark.parametrize('name', OBSERVERS)
def test_an_observer_runs_compiled_and_scales_with_its_values(name):
  observer, batches = OBSERVERS[name], _batches()

  @jax.jit
  def whole(batches):
    state = observer.init(batches.shape[1:])
    state, _ = jax.lax.scan(
      lambda state, x: (observer.update(state, x), ()), state, batches
    )
    return observer.range(state)

  low, high = whole(batches)
  assert low < 0 < high
  assert batches.min() <= low
  assert high <= batches.max()
  one_by_one = observers.calibrate(observer, list(batches))
  np.testing.assert_allclose(one_by_one, (low, high), rtol=1e-5)
  np.testing.assert_allclose(whole(8 * batches), (8 * low, 8 * high), rtol=1e-5)


@pytest.mark.parametrize('name', sorted({*OBSERVERS} - {'moving_average'}))
def test_order_and_division_of_the_values_do_not_matter(name):
  observer, batches = OBSERVERS[name], _batches()
  expected = observers.calibrate(observer, list(batches))
  for others in (
    list(batches[::-1]),
    [batches.reshape(2, 2, -1)[i] for i in (1, 0)],
    list(jax.random.permutation(jax.random.key(2), batches.ravel())[None]),
  ):
    np.testing.assert_array_equal(
      observers.calibrate(observer, others), expected
    )


def test_a_histogram_counts_every_value_in_its_bin():
  found = histogram.empty(64)
  for batch in _batches():
    found = jax.jit(histogram.add)(found, batch)
  counts, _ = np.histogram(_batches(), histogram.edges(found))
  np.testing.assert_array_equal(found.counts, counts)
  assert found.counts.sum() == 2000
  # The widest bins that are needed: half of them would not reach.
  assert 2.0 ** (found.exponent - 1) <= jnp.abs(_batches()).max()


def test_zeros_do_not_widen_a_histogram():
  found = histogram.add(histogram.empty(64), jnp.zeros(3))
  found = histogram.add(found, jnp.array([2.0**-20]))
  np.testing.assert_array_equal(found.exponent, -19)
  assert found.counts[64] == 3
  assert found.counts[64 + 32] == 1


def test_min_max_has_ranges_by_axis():
  batches = jax.random.normal(jax.random.key(3), (3, 10, 4))
  low, high = observers.calibrate(observers.min_max((0,)), list(batches))
  np.testing.assert_array_equal(low, batches.min((0, 1))[None])
  np.testing.assert_array_equal(high, batches.max((0, 1))[None])


def test_a_moving_average_forgets():
  batches = list(_batches())
  low, high = observers.calibrate(observers.moving_average(0.75), batches)
  for found, ends in ((low, np.min), (high, np.max)):
    average = float(ends(batches[0]))
    for batch in batches[1:]:
      average = 0.75 * average + 0.25 * float(ends(batch))
    np.testing.assert_allclose(found, average, rtol=1e-5)
  last = observers.calibrate(observers.moving_average(0), batches)
  np.testing.assert_array_equal(last, (batches[-1].min(), batches[-1].max()))


def test_the_hundredth_percentile_is_min_max():
  for batches in (list(_batches()), [jnp.full(5, 0.3)], [jnp.zeros(2)]):
    np.testing.assert_array_equal(
      observers.calibrate(observers.percentile(100, BINS), batches),
      observers.calibrate(observers.min_max(), batches),
    )


@pytest.mark.parametrize('percent', [75, 99.9])
def test_a_percentile_is_numpys_within_a_bin(percent):
  x = _heavy()
  low, high = observers.calibrate(observers.percentile(percent), [x])
  width = 2 ** np.ceil(np.log2(jnp.abs(x).max())) / observers.BINS
  expected = np.percentile(x, [100 - percent, percent])
  assert expected[0] - 2 * width <= low <= expected[0] + 0.01
  assert expected[1] - 0.01 <= high <= expected[1] + 2 * width


def test_a_histogram_is_mapped_over_channels():
  x = jax.random.normal(jax.random.key(4), (300, 3)) * jnp.array([1, 10, 0.1])
  observer = OBSERVERS['percentile']

  @jax.jit
  @jax.vmap
  def ranges(channel):
    return observer.range(observer.update(observer.init((300,)), channel))

  together = ranges(x.T)
  for i in range(3):
    alone = observers.calibrate(observer, [x[:, i]])
    np.testing.assert_array_equal(alone, [end[i] for end in together])


@pytest.mark.parametrize(
  ('bits', 'zero_point', 'gain'),
  [(8, False, 0.95), (8, True, 0.98), (4, False, 0.35), (3, True, 0.45)],
)
def test_the_mse_range_beats_min_max_on_heavy_tails(bits, zero_point, gain):
  x = _heavy()
  error = jax.jit(lambda low, high: _error(x, low, high, bits, zero_point))
  least = error(*observers.calibrate(observers.mse(bits, zero_point), [x]))
  assert least < gain * error(x.min(), x.max())
  # No range that is tried on the values themselves is clearly better.
  low, high = x.min(), x.max()
  if not zero_point:
    low = high = jnp.abs(x).max()
  shares = jnp.arange(1, 101) / 100
  tried = jax.lax.map(lambda share: error(share * low, share * high), shares)
  assert least < 1.02 * tried.min()


def test_the_mse_range_of_evenly_spread_values_is_theirs():
  x = jnp.linspace(-1, 1, 4001)
  low, high = observers.calibrate(observers.mse(3), [x])
  assert -1 <= low <= -0.97
  assert 0.97 <= high <= 1


def _divergence(counts, kept, levels):
  """The slides' algorithm, step by step."""
  p = np.array(counts[:kept], float)
  q = np.zeros(kept)
  p[-1] += sum(counts[kept:])
  for level in range(levels):
    bins = [j for j in range(kept) if j * levels // kept == level]
    filled = [j for j in bins if p[j] > 0]
    for j in filled:
      q[j] = sum(counts[b] for b in bins) / len(filled)
  p, q = p / p.sum(), q / q.sum()
  if (q[p > 0] == 0).any():
    return np.inf
  return (p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum()


def test_divergences_are_those_of_the_slides():
  # Their example: 8 bins in 2 levels, by hand.
  counts = jnp.array([1.0, 0, 2, 3, 5, 3, 1, 7])
  p = np.array([1, 2, 3, 5, 3, 1, 7]) / 22
  q = np.array([2, 2, 2, 4, 4, 4, 4]) / 22
  np.testing.assert_allclose(
    histogram.divergence(counts, 8, 2), (p * np.log(p / q)).sum(), rtol=1e-5
  )
  rng = np.random.default_rng(0)
  counts = rng.poisson(200 * np.exp(-np.arange(64) / 9)).astype(np.float32)
  counts[60] += 1
  ours = jax.jit(
    jax.vmap(lambda kept: histogram.divergence(jnp.array(counts), kept, 8))
  )(jnp.arange(8, 62))
  expected = [_divergence(counts, kept, 8) for kept in range(8, 62)]
  np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-5)
  best = 8 + int(np.argmin(expected))
  assert histogram.entropy_bins(jnp.array(counts), 8) == best
  assert best < 50


def test_no_bins_are_kept_beyond_the_largest_magnitude():
  # Eight bins would fit the four levels exactly.
  counts = jnp.array([4.0, 4, 2, 2, 1, 1, 0, 0])
  assert histogram.divergence(counts, 8, 4) == 0
  assert histogram.entropy_bins(counts, 4) <= 6


def test_entropy_cuts_tails_and_keeps_even_spreads():
  bulk = jax.random.normal(jax.random.key(5), (20_000,))
  bulk = jnp.clip(bulk, -3, 3)
  tail = jnp.linspace(5, 12, 20)
  low, high = observers.calibrate(
    observers.entropy(6, 1024), [jnp.append(bulk, tail)]
  )
  np.testing.assert_allclose(low, -3)
  assert 2 < high < 6
  even = jnp.linspace(0, 1.9, 8000)
  low, high = observers.calibrate(observers.entropy(6, 1024), [even])
  np.testing.assert_allclose((low, high), (0, 1.9), atol=0.01)
  # With fewer values than levels there is nothing to lose.
  few = observers.calibrate(observers.entropy(8, 1024), [jnp.array([1.0, 9])])
  np.testing.assert_array_equal(few, (1, 9))


def test_a_range_from_half_precision_is_full_precision():
  for observer in OBSERVERS.values():
    low, high = observers.calibrate(
      observer, [jnp.array([-1.5, 0.1, 2.0], jnp.bfloat16)]
    )
    assert low.dtype == high.dtype == jnp.float32


@pytest.mark.parametrize('name', ['min_max', 'moving_average', 'percentile'])
def test_values_that_are_not_finite_are_told(name):
  bad = jnp.array([1.0, jnp.nan, -jnp.inf])
  with pytest.raises(errors.UserError, match='2 of the 3 in batch 1 are not'):
    observers.calibrate(OBSERVERS[name], [jnp.ones(3), bad])
  observer = OBSERVERS[name]
  state = observer.update(observer.init((3,)), bad)
  assert jnp.isfinite(jnp.stack(observer.range(state))).all()


def test_bad_input_is_one_line():
  for nothing in ([], [jnp.zeros((0, 3))]):
    with pytest.raises(errors.UserError, match='needs a batch with values'):
      observers.calibrate(observers.min_max(), nothing)
  with pytest.raises(errors.UserError, match=r'\(50, 100\]; got 0.99'):
    observers.percentile(0.99)
  with pytest.raises(errors.UserError, match=r'\[0, 1\); got 1'):
    observers.moving_average(1)
  with pytest.raises(errors.UserError, match='got 1000, take 1024'):
    observers.percentile(99, 1000)
  with pytest.raises(errors.UserError, match='1 to 8'):
    observers.mse(9)
  with pytest.raises(errors.UserError, match='got 8 bits and 64 bins'):
    observers.entropy(8, 64)
