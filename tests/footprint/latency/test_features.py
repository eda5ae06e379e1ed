"""Operation classes: additive, and no credit where there is no fast path."""

import numpy as np
import pytest

from effnas.footprint.latency import device, features
from effnas.footprint.program import work as work_lib


def layer(**changes):
  values = {
    'path': 'a',
    'kind': 'pointwise',
    'macs': 1000,
    'weights': 100,
    'reads': 10,
    'writes': 20,
    'launches': 1,
  }
  return work_lib.Work(**(values | changes))


def test_every_class_of_work_has_a_place():
  for kind in (*work_lib.PRODUCTS, 'elementwise', 'reduce', 'data', 'unknown'):
    assert features.of([layer(kind=kind)]).any()


def test_parts_add_up():
  a, b = layer(), layer(kind='depthwise', fixed=7)
  whole = features.of([a, b])
  assert np.array_equal(whole, features.of([a]) + features.of([b]))
  assert whole[features.NAMES.index('fixed')] == 7
  assert whole[features.RUN] == whole[features.INPUT] == 0
  program = features.whole(whole, 12)
  assert (program[features.RUN], program[features.INPUT]) == (1, 12)
  assert whole[features.RUN] == 0  # left as it was


def test_narrow_products_count_less_where_there_is_a_fast_path():
  def macs(target, bits):
    found = features.of([layer()], device.load(target), lambda path: bits)
    return found[features.NAMES.index('pointwise.macs')]

  assert macs('a100', (8, 8)) == 500
  assert macs('a100', (4, 8)) == 500
  assert macs('a100', (8, None)) == 1000  # a float operand
  assert macs('tpu_v3', (8, 8)) == 1000  # it has none
  assert macs('a100', None) == 1000


def test_the_prior_is_the_datasheet():
  d = device.load('a100')
  prior = dict(zip(features.NAMES, features.prior(d), strict=True))
  assert prior['pointwise.macs'] == pytest.approx(1e3 * 2 / 312e12)
  assert prior['reduce.reads'] == pytest.approx(1e3 * 2 / 2039e9)
  assert prior['fixed'] == pytest.approx(prior['reduce.reads'] / 2)
  assert prior['run'] == prior['conv.launches'] == 0
