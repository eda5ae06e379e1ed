"""`effnas calibrate` on tables, and what it refuses."""

import csv
import json

import numpy as np
import pytest

from effnas import errors
from effnas.footprint.latency import cost_model, device, features
from effnas.zoo import nasbench_macro


@pytest.fixture(scope='module')
def table(tmp_path_factory):
  """Made-up times of 40 networks of NAS-Bench-Macro, two of them missing."""
  from effnas import footprint

  path = tmp_path_factory.mktemp('table') / 'measured.csv'
  space, rng = nasbench_macro.space(), np.random.default_rng(0)
  archs = [space.sample(rng) for _ in range(40)]
  found = footprint.batch(
    space, archs, (32, 32, 3), targets=['datasheet/rtx3090']
  )
  with path.open('w', newline='') as file:
    rows = csv.writer(file)
    rows.writerow(['arch', 'lat_ms_rtx3090', 'value', 'broken'])
    for i, ms in enumerate(found['latency_ms@datasheet/rtx3090']):
      name = nasbench_macro.row(archs[i])['arch']
      rows.writerow([name, '' if i in (3, 5) else 3 * ms, 3 * ms, 'x'])
  return path


def calibrate(effnas, table, *more, metric='lat_ms_rtx3090'):
  return effnas(
    'calibrate',
    '--space=nasbench_macro',
    f'--measurements={table}',
    f'--metric={metric}',
    *more,
  )


def test_a_table_becomes_a_device(effnas, table, tmp_path):
  out = tmp_path / 'mine.json'
  result = calibrate(effnas, table, f'--out={out}', '--few=15', '--splits=3')
  assert result.code == 0, result.err
  assert '10 folds' in result.out
  assert '15 networks, 3 splits: median' in result.out
  model = cost_model.load(str(out))
  assert model.device == 'rtx3090'  # told by the column's name
  assert model.measurements == 38
  assert '2 rows without a value left out' in model.measured
  assert model.held_out.spearman > 0.95
  told = effnas('footprint', 'mobilenet_v2', f'--target={out}', '--format=json')
  assert told.code == 0, told.err
  found = json.loads(told.out)
  source = found['sources'][f'latency_ms@{out}']
  assert source.startswith('calibrated (n=38, error')
  assert 'outside of the measured range' in source


def test_a_name_is_kept_among_the_users_devices(
  effnas, table, tmp_path, monkeypatch
):
  monkeypatch.setenv('XDG_DATA_HOME', str(tmp_path))
  result = calibrate(effnas, table, '--out=mine')
  assert result.code == 0, result.err
  assert 'mine' in cost_model.names()
  told = effnas('footprint', 'survey_cnn_005', '--target=mine')
  assert 'calibrated (n=38' in told.out


def test_rows_of_a_file_in_order(effnas, table):
  result = effnas(
    'footprint',
    '--space=nasbench_macro',
    f'--archs={table}',
    '--target=rtx3090',
    '--format=csv',
  )
  assert result.code == 0, result.err
  rows = list(csv.DictReader(result.out.splitlines()))
  assert len(rows) == 40
  assert {'params', 'macs', 'latency_ms', 'source'} <= set(rows[0])
  single = effnas(
    'footprint',
    'nasbench_macro',
    f'--arch={table}',
    '--row=7',
    '--target=rtx3090',
    '--format=json',
  )
  found = json.loads(single.out)
  assert int(rows[7]['macs']) == found['metrics']['macs']
  assert float(rows[7]['latency_ms']) == found['metrics']['latency_ms@rtx3090']
  assert rows[7]['source'] == found['sources']['latency_ms@rtx3090']


@pytest.mark.parametrize(
  ('flags', 'metric', 'said'),
  [
    (('--out=a.csv',), 'value', 'a .json file, or a name'),
    (('--out=a100',), 'value', 'a100 is a target of effnas'),
    (('--out=a.json',), 'value', '--kind=latency or --kind=throughput'),
    (('--out=a.json',), 'lat_ms_rtx309', "did you mean 'lat_ms_rtx3090'"),
    (('--out=a.json', '--kind=latency'), 'broken', "broken of row 0 is 'x'"),
    (('--out=a.json', '--device=abacus'), 'lat_ms_rtx3090', 'unknown target'),
    (('--out=a.json', '--few=30'), 'lat_ms_rtx3090', 'at most 18; got 30'),
  ],
)
def test_bad_input_is_one_line(
  effnas, table, tmp_path, monkeypatch, flags, metric, said
):
  monkeypatch.chdir(tmp_path)
  result = calibrate(effnas, table, *flags, metric=metric)
  assert result.code == 2
  assert said in result.err.splitlines()[-1]
  assert not (tmp_path / 'a.json').exists()


@pytest.mark.parametrize(
  ('argv', 'said'),
  [
    (('--archs=a.csv', '--target=a100,cpu'), 'one --target'),
    (('--archs=a.csv', '--layers'), '--layers does not go with --archs'),
    (('--archs=nowhere.jsonl',), 'needs --space'),
    (('--space=nasbench_macro', '--archs=nowhere.jsonl'), 'cannot read'),
    (('mobilenet_v2', '--format=csv'), 'go with --archs'),
  ],
)
def test_bad_requests_for_rows(effnas, argv, said):
  result = effnas('footprint', *argv)
  assert result.code == 2
  assert said in result.err


def test_the_device_that_is_present(effnas, tmp_path, monkeypatch):
  from effnas.cli import probing
  from effnas.footprint import measured
  from effnas.footprint import network as network_lib

  def timed(net, shape, batch, *, input_dtype, float_format, seconds):
    if batch == 4:
      raise errors.UserError('it does not fit')  # left out, and told
    found = network_lib.quantities(
      net, shape, batch=batch, input_dtype=input_dtype
    )
    ms = 0.1 + 3 * float(found @ features.prior(device.load('cpu')))
    return measured.Measured(ms, ms, ms, 9, True, 'cpu', 'cpu')

  monkeypatch.setattr(measured, 'time_network', timed)
  monkeypatch.setattr(probing, '_POOL', 1)
  out = tmp_path / 'here.json'
  result = effnas('calibrate', f'--out={out}', '--probes=32')
  assert result.code == 0, result.err
  model = cost_model.load(str(out))
  assert 20 <= model.measurements < 32
  assert 'is left out: it does not fit' in result.err
  assert 'networks and blocks of `effnas calibrate` (seed 0)' in model.measured
  assert model.held_out.error < 0.05  # it is linear, after all


@pytest.mark.slow
def test_this_very_machine(effnas, tmp_path):
  out = tmp_path / 'here.json'
  result = effnas('calibrate', f'--out={out}', '--probes=25', '--seconds=0.1')
  assert result.code == 0, result.err
  assert cost_model.load(str(out)).held_out.spearman > 0.8
