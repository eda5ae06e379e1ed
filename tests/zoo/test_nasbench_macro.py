"""NAS-Bench-Macro: all its networks, as its table has them."""

import json
import pathlib

import numpy as np
import pytest

from effnas import errors, footprint
from effnas.zoo import nasbench_macro

_DATA = pathlib.Path(__file__).parents[3] / 'shared' / 'data'


@pytest.fixture(scope='module')
def table():
  """The published table: a dict a row, the key in the column 'arch'."""
  path = _DATA / 'nasbench_macro_cifar10.json'
  if not path.is_file():
    pytest.skip(f'no table at {path}')
  found = json.loads(path.read_text(encoding='utf-8'))
  assert len(found) == 6_561
  return [{'arch': key, **values} for key, values in found.items()]


def _published(row):
  return row['params'], row['flops']


def _measure(key):
  net = nasbench_macro.nasbench_macro(key)
  found = footprint.measure(net, nasbench_macro.INPUT.shape)
  return found['params'], found['macs']


def test_the_best_is_the_most_accurate(table):
  best = max(table, key=lambda row: row['mean_acc'])
  assert best['arch'] == '22212220'
  assert nasbench_macro.networks()['nasbench_macro_best'].build() == (
    nasbench_macro.nasbench_macro('22212220')
  )


@pytest.mark.parametrize('key', ['00000000', '01201120', '22212220'])
def test_a_network_is_a_point_of_the_space(key):
  arch = nasbench_macro.arch({'arch': key})
  built = nasbench_macro.space().build(arch)['model']
  assert built == nasbench_macro.nasbench_macro(key)


def test_rows_are_archs_and_back(table):
  space, seen = nasbench_macro.space(), set()
  for row in table:
    arch = nasbench_macro.arch(row)
    space.check(arch)
    assert nasbench_macro.row(arch) == {'arch': row['arch']}
    seen.add(tuple(arch.values()))
  assert len(seen) == space.size == len(table)


def test_every_network_costs_what_the_table_says(table):
  """The cost of a network is a sum over layers, which 17 networks measure."""
  base = np.array(_measure('0' * 8))
  layer = {
    (i, digit): _measure('0' * i + digit + '0' * (7 - i)) - base
    for i in range(8)
    for digit in '012'
  }
  for row in table:
    predicted = base + sum(layer[pair] for pair in enumerate(row['arch']))
    assert tuple(predicted) == _published(row), row['arch']


@pytest.mark.parametrize(
  'count', [4, pytest.param(200, marks=pytest.mark.slow)]
)
def test_whole_networks_cost_what_the_table_says(table, count):
  for i in np.random.default_rng(0).choice(len(table), count, replace=False):
    assert _measure(table[i]['arch']) == _published(table[i]), table[i]['arch']


@pytest.mark.parametrize('key', ['0', '012012013', '0120120x'])
def test_other_keys_are_refused(key):
  with pytest.raises(errors.UserError, match='eight digits 0, 1 or 2'):
    nasbench_macro.arch({'arch': key})
