"""Prices are found, stay near the datasheet where nothing is known, and err."""

import numpy as np
import pytest

from effnas import errors
from effnas.footprint.latency import calibrate, device, features

NAMES = features.NAMES
PRIOR = features.prior(device.load('rtx3090'))
VARIED = ('pointwise.macs', 'pointwise.writes', 'depthwise.writes', 'run')


def networks(n, seed=0):
  """Quantities of made-up networks, which differ in three classes."""
  rng = np.random.default_rng(seed)
  found = np.zeros((n, len(NAMES)))
  for name, size in zip(VARIED, (3e9, 1e8, 4e7), strict=False):
    found[:, NAMES.index(name)] = size * rng.uniform(0.3, 1.7, n)
  found[:, NAMES.index('conv.macs')] = 1e8  # the same stem in all of them
  found[:, features.INPUT] = 1e5
  found[:, features.RUN] = 1
  return found


def true_prices():
  prices = PRIOR * 2.0
  prices[NAMES.index('depthwise.writes')] *= 3  # no datasheet tells
  prices[features.RUN] = 0.05
  return prices


def test_prices_are_found_again():
  x, prices = networks(50), true_prices()
  ms = calibrate.estimate(x, prices)
  found = calibrate.fit(x, ms, PRIOR)
  others = networks(500, seed=1)
  held = calibrate.scores(
    calibrate.estimate(others, found), calibrate.estimate(others, prices)
  )
  assert held.error < 2e-3
  assert held.spearman > 0.9999
  wide = NAMES.index('depthwise.writes')
  assert found[wide] == pytest.approx(prices[wide], rel=0.02)


def test_what_does_not_vary_keeps_the_scaled_datasheet():
  x = networks(50)
  ms = calibrate.estimate(x, true_prices())
  found = calibrate.fit(x, ms, PRIOR)
  ratio = found[PRIOR > 0] / PRIOR[PRIOR > 0]
  unseen = [
    n not in VARIED for n in np.array(NAMES)[PRIOR > 0]
  ]  # the stem's, and classes that none of the networks has
  assert ratio[unseen] == pytest.approx(ratio[unseen][0])
  assert 1 < ratio[unseen][0] < 6


def test_what_all_take_alike_is_a_call_s_or_an_input_s():
  x = networks(50)
  ms = calibrate.estimate(x, true_prices())
  latency, throughput = (
    calibrate.fit(x, ms, PRIOR, kind) for kind in ('latency', 'throughput')
  )
  assert calibrate.estimate(x, throughput) == pytest.approx(
    calibrate.estimate(x, latency), rel=1e-6
  )
  assert latency[features.RUN] == pytest.approx(0.05, rel=0.3)
  assert latency[features.INPUT] == throughput[features.RUN] == 0
  assert throughput[features.INPUT] * 1e5 == pytest.approx(
    latency[features.RUN]
  )


def test_few_outliers_do_not_move_the_prices():
  x, prices = networks(60), true_prices()
  ms = calibrate.estimate(x, prices)
  ms[:3] *= 2
  found = calibrate.estimate(x[3:], calibrate.fit(x, ms, PRIOR))
  assert np.abs(found / ms[3:] - 1).mean() < 5e-3


def test_no_price_is_below_zero_and_units_do_not_matter():
  x = networks(40)
  ms = calibrate.estimate(x, true_prices())
  ms *= np.random.default_rng(2).uniform(0.5, 2, len(ms))
  found = calibrate.fit(x, ms, PRIOR)
  assert (found >= 0).all()
  assert calibrate.fit(x, 1e3 * ms, PRIOR) == pytest.approx(
    1e3 * found, rel=1e-4, abs=1e-12
  )


def test_scores_are_those_of_unseen_networks():
  x = networks(80)
  noise = np.random.default_rng(3).normal(1, 0.05, 80)
  ms = calibrate.estimate(x, true_prices()) * noise
  held = calibrate.cross_validate(x, ms, PRIOR)
  fitted = calibrate.scores(
    calibrate.estimate(x, calibrate.fit(x, ms, PRIOR)), ms
  )
  assert fitted.error < held.error
  assert 0.03 < held.error < 0.06  # a normal's mean deviation is 0.8 sd
  few = calibrate.few_shot(x, ms, PRIOR, fitted=20, splits=5)
  assert len(few) == 5
  assert len({f.error for f in few}) == 5
  assert few == calibrate.few_shot(x, ms, PRIOR, fitted=20, splits=5)


@pytest.mark.parametrize(
  ('ms', 'said'),
  [
    (np.ones(5), 'at least 20'),
    (np.ones(30), 'all 30 latencies are 1 ms'),
    (np.r_[np.arange(1.0, 30), np.nan], 'measurement 29 is nan'),
    (np.arange(30.0), 'measurement 0 is 0.0'),
  ],
)
def test_measurements_that_say_nothing_are_refused(ms, said):
  with pytest.raises(errors.UserError, match=said):
    calibrate.check(ms)


def test_columns_are_milliseconds_of_a_batch():
  rows = [{'throughput': '100', 'lat_ms': '4'}, {'throughput': '', 'lat_ms': 2}]
  kept, ms = calibrate.milliseconds(rows, 'throughput', 'throughput', 32)
  assert (kept, list(ms)) == ([0], [320.0])
  kept, ms = calibrate.milliseconds(rows, 'lat_ms', 'latency', 32)
  assert (kept, list(ms)) == ([0, 1], [4.0, 2.0])


@pytest.mark.parametrize('text', ['nan', '-1', '0', 'fast', 'inf'])
def test_a_value_that_is_no_time_is_named(text):
  with pytest.raises(errors.UserError, match=f"of row 0 is '{text}'"):
    calibrate.milliseconds([{'lat': text}], 'lat', 'latency', 1)


def test_a_missing_column_is_named():
  with pytest.raises(errors.UserError, match="'lat_ms_a10'"):
    calibrate.milliseconds([{'lat_ms_a100': '1'}], 'lat_ms_a10', 'latency', 1)
  with pytest.raises(errors.UserError, match='does not tell'):
    calibrate.kind_of('a100')
