"""One contract for every device file."""

import re

import pytest

from effnas import errors
from effnas.footprint.latency import device

NAMES = (
  'a100 cpu h100 h200 rtx3090 tpu_v2 tpu_v3 tpu_v4 tpu_v5e tpu_v5p tpu_v6e'
)


def test_every_named_target_is_there():
  assert set(NAMES.split()) <= set(device.names())


@pytest.mark.parametrize('name', device.names())
def test_contract(name):
  data = device.read(name)
  assert data['name'] == name
  assert data['kind'] in ('tpu', 'gpu', 'cpu')
  assert name.startswith('tpu') == (data['kind'] == 'tpu')
  assert len(data['stands_for']) > 10
  optional = {'devices_per_chip', 'power_watts'} & set(data)
  assert set(data) == optional | {
    'name', 'kind', 'stands_for', 'float', 'peak', 'memory_bytes', 'bandwidth'
  }  # fmt: skip
  values = [*data['peak'].values(), data['memory_bytes'], data['bandwidth']]
  for value in values + [data[k] for k in optional]:
    assert set(value) == {'value', 'source'}
    assert re.search(r'\w{3,}.*https://\S+', value['source'])


@pytest.mark.parametrize('name', device.names())
def test_units_are_sane(name):
  d = device.load(name)
  assert d.float_format in d.peak
  assert set(d.peak) <= {'float32', 'bfloat16', 'float16', 'int8', 'int4'}
  lowest, highest = (1e10, 1e12) if d.kind == 'cpu' else (1e12, 1e16)
  assert all(lowest < rate < highest for rate in d.peak.values())
  assert (
    d.peak['float32']
    <= d.formats().rate
    <= d.formats(8, 8).rate
    <= d.formats(4, 4).rate
  )
  assert 1e9 < d.memory_bytes < 1e12
  assert 1e10 < d.bandwidth < 1e13
  assert 1 < d.formats().rate / d.bandwidth < 1000  # operations a byte
  assert set(d.sources) == {'memory_bytes', 'bandwidth'} | {
    f'peak.{k}' for k in d.peak
  }


def test_published_values():
  assert device.load('tpu_v5e').formats().rate == 197e12
  assert device.load('tpu_v5e').bandwidth == 819e9
  assert device.load('a100').formats(8, 8).rate == 624e12
  assert device.load('rtx3090').formats(4, 4).rate == 568e12


def test_no_credit_without_a_fast_path():
  v3, h100, cpu = map(device.load, ('tpu_v3', 'h100', 'cpu'))
  assert v3.formats(8, 8).rate == v3.formats(4, 4).rate == v3.formats().rate
  assert (
    h100.formats(4, 4).rate
    == h100.formats(8, 8).rate
    > h100.formats(16, 16).rate
    == h100.formats().rate
  )
  assert cpu.formats(4, 4).rate == cpu.formats().rate == cpu.peak['float32']


def test_a_core_of_a_shared_chip_has_its_share():
  data = device.read('tpu_v2')
  assert data['peak']['bfloat16']['value'] == 46e12
  assert device.load('tpu_v2').formats().rate == 23e12


def test_unknown_target():
  with pytest.raises(errors.UserError, match="'tpu_v5e'"):
    device.load('tpu_v5')
