"""Device files: what they hold comes back, and what they refuse."""

import json

import numpy as np
import pytest

from effnas import errors
from effnas.footprint.latency import cost_model, device, features

_CLASS = {'ms_per_unit': 1.0, 'most': 1}


@pytest.fixture
def model():
  n = len(features.NAMES)
  prices = np.zeros(n)
  prices[features.NAMES.index('pointwise.macs')] = 1e-8
  prices[features.NAMES.index('reduce.reads')] = 1e-7
  prices[features.RUN] = 0.5
  most = np.where(prices > 0, 1e8, 0)
  most[features.RUN] = 1
  return cost_model.CostModel(
    name='mine',
    device='a100',
    precision='bfloat16',
    batch=8,
    measured='made up',
    measurements=50,
    range_ms=(0.6, 10.0),
    held_out=cost_model.Held(0.0123, 0.99, 0.95),
    prices=prices,
    most=most,
  )


def quantities(**values):
  found = np.zeros(len(features.NAMES))
  found[features.RUN] = 1
  for name, value in values.items():
    found[features.NAMES.index(name.replace('_', '.'))] = value
  return found


def test_latency_is_linear_with_a_call(model):
  one = quantities(pointwise_macs=1e7, reduce_reads=2e6)
  assert model.latency(quantities()) == 0.5
  assert model.latency(one) == pytest.approx(0.5 + 0.1 + 0.2)
  assert model.latency(2 * one) == pytest.approx(2 * model.latency(one))


def test_ranges_are_told_where_they_matter(model):
  inside = quantities(pointwise_macs=5e7, reduce_reads=5e6)
  assert model.outside(inside, 8) == []
  far = quantities(pointwise_macs=5e8, reduce_reads=5e6)
  assert model.outside(far, 8) == ['pointwise.macs']
  trifle = quantities(pointwise_macs=5e7, fixed=1e12)  # free in this model
  assert model.outside(trifle, 8) == []
  assert model.outside(quantities(pointwise_macs=1e3), 8) == ['latency']
  assert model.outside(inside, 4) == []
  assert model.outside(inside, 1) == ['batch', 'latency', 'pointwise.macs']


def test_a_file_comes_back(model, tmp_path):
  path = tmp_path / 'mine.json'
  model.save(path)
  again = cost_model.load(str(path))
  assert again.to_json() == model.to_json()
  assert again.prices == pytest.approx(model.prices, rel=1e-5)
  assert again.source == 'calibrated (n=50, error 1.2 %)'


@pytest.mark.parametrize(
  ('change', 'said'),
  [
    ({'classes': {'pointwise.mac': _CLASS}}, 'did you mean'),
    ({'classes': {'pointwise.macs': _CLASS | {'ms_per_unit': -1}}}, 'below'),
    ({'classes': {'pointwise.macs': 1.0}}, 'no device file'),
    ({'classes': None}, 'no device file'),
    ({'held_out': {}}, 'no device file'),
    ({'range_ms': [1.0]}, 'no device file'),
    ({'classes': {}}, 'no price above zero, by which everything would take no'),
    (
      {'classes': {'pointwise.macs': _CLASS | {'ms_per_unit': 0}}},
      'no price above zero',
    ),
    (
      {'held_out': {'error': -0.1, 'spearman': 0.9, 'kendall': 0.9}},
      'held_out.error must be a number of at least 0, got -0.1',
    ),
    (
      {'held_out': {'error': 0.1, 'spearman': 3, 'kendall': 0.9}},
      'held_out.spearman must be a number from -1 to 1, got 3',
    ),
    ({'batch': 0}, 'batch must be a whole number of at least 1, got 0'),
    ({'measurements': 'many'}, 'measurements must be a whole number'),
    ({'range_ms': [-1, 2]}, r'range_ms\[0\] must be a number above 0, got -1'),
    ({'range_ms': [3, 2]}, 'from the fastest to the slowest; got 3 and 2'),
    ({'measured': 3}, 'measured must be a text, got 3'),
  ],
)
def test_a_broken_file_is_one_line(model, tmp_path, change, said):
  path = tmp_path / f'{len(list(tmp_path.iterdir()))}.json'
  path.write_text(json.dumps(model.to_json() | change))
  with pytest.raises(errors.UserError, match=said):
    cost_model.load(str(path))


def test_an_unknown_device_is_told():
  with pytest.raises(errors.UserError, match='did you mean'):
    cost_model.load('a10')
  with pytest.raises(errors.UserError, match='cannot read'):
    cost_model.load('/nowhere/a100.json')


@pytest.mark.parametrize('name', cost_model.names())
def test_what_effnas_ships_is_whole(name):
  model = cost_model.load(name)
  assert model.name == name
  assert model.device in device.names()
  assert model.precision == device.load(model.device).float_format
  assert model.measurements >= 50
  assert 0 < model.held_out.error < 0.35
  assert model.held_out.spearman > 0.93
  assert 0 < model.range_ms[0] < model.range_ms[1]
