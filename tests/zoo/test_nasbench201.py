"""NAS-Bench-201: all its cells, as its table has them."""

import csv
import gzip
import pathlib

import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, footprint
from effnas.zoo import nasbench201

_DATA = pathlib.Path(__file__).parents[3] / 'shared' / 'data'
_KEYS = list(nasbench201.space().decisions)


@pytest.fixture(scope='module')
def table():
  """The published table: a dict a row, from column to string."""
  path = _DATA / 'nasbench201_12epoch.csv.gz'
  if not path.is_file():
    pytest.skip(f'no table at {path}')
  with gzip.open(path, 'rt', encoding='utf-8') as file:
    rows = list(csv.DictReader(file))
  assert len(rows) == 15_625
  return rows


def _published(row):
  return int(row['params_derived']), int(row['macs_derived'])


def _measure(arch):
  net = nasbench201.space().build(arch)['model']
  found = footprint.measure(net, nasbench201.INPUT.shape)
  return found['params'], found['macs']


@pytest.mark.parametrize('name', nasbench201.networks())
def test_a_published_network_is_a_point_of_the_space(name):
  net = nasbench201.networks()[name].build()
  arch = {key: getattr(net, key.removeprefix('model.')) for key in _KEYS}
  assert nasbench201.space().build(arch)['model'] == net


@pytest.mark.parametrize(
  ('passing', 'times'),
  [
    ({'0-1', '0-2', '1-2', '0-3', '1-3', '2-3'}, 4),
    ({'0-1', '1-2', '2-3'}, 1),
    ({'0-1', '1-3', '0-3'}, 2),
    ({'0-2', '2-3', '1-3'}, 1),
    ({'1-2', '2-3', '1-3'}, 0),
  ],
)
def test_a_node_sums_what_comes_over_its_edges(passing, times):
  edges = [
    'skip_connect' if edge in passing else 'none'
    for edge in ('0-1', '0-2', '1-2', '0-3', '1-3', '2-3')
  ]
  x = jnp.arange(8.0).reshape(1, 2, 2, 2)
  y = nasbench201.Cell(tuple(edges)).apply({}, x)
  np.testing.assert_array_equal(y, times * x)


def test_rows_are_archs_and_back(table):
  space, seen = nasbench201.space(), set()
  for row in table:
    arch = nasbench201.arch(row)
    space.check(arch)
    assert nasbench201.row(arch) == {'arch_str': row['arch_str']}
    seen.add(tuple(arch.values()))
  assert len(seen) == space.size == len(table)


def test_every_cell_costs_what_the_table_says(table):
  """The cost of a network is a sum over edges, which 25 networks measure."""
  nothing = dict.fromkeys(_KEYS, 'none')
  base = np.array(_measure(nothing))
  edge = {
    (key, operation): _measure(nothing | {key: operation}) - base
    for key in _KEYS
    for operation in nasbench201.OPERATIONS
  }
  for row in table:
    arch = nasbench201.arch(row)
    predicted = base + sum(edge[pair] for pair in arch.items())
    assert tuple(predicted) == _published(row), row['arch_str']


@pytest.mark.parametrize(
  'count', [4, pytest.param(200, marks=pytest.mark.slow)]
)
def test_whole_cells_cost_what_the_table_says(table, count):
  for i in np.random.default_rng(0).choice(len(table), count, replace=False):
    counted = _measure(nasbench201.arch(table[i]))
    assert counted == _published(table[i]), table[i]['arch_str']


def test_errors_name_what_would_work():
  with pytest.raises(errors.UserError, match=r'has the form \|OP~0\|'):
    nasbench201.nasbench201('|nor_conv_3x3~0|')
  with pytest.raises(errors.UserError, match="did you mean 'nor_conv_3x3'"):
    nasbench201.nasbench201(nasbench201.BEST.replace('3x3~0', '5x5~0'))
