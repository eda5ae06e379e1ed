"""Cells as sets of paths."""

import itertools

import mixed_search
import numpy as np
import pytest

from effnas.search.proposing import paths
from effnas.zoo import nasbench201

_SPACE = nasbench201.space()
_ROUTES = ('3', '13', '23', '123')  # the nodes after 0 of NAS-Bench-201's paths


def _cell(operations):
  fields = ('0_1', '0_2', '1_2', '0_3', '1_3', '2_3')
  pairs = zip(fields, operations, strict=True)
  return {f'model.edge_{field}': op for field, op in pairs}


def test_paths_are_those_that_one_walks():
  rng = np.random.default_rng(0)
  for _ in range(50):
    nodes = int(rng.integers(2, 7))
    there = np.triu(rng.random((nodes, nodes)) < 0.6, 1)
    on_nodes = rng.choice(['a', 'b', 'none'], nodes).tolist()
    on_edges = {
      (int(i), int(j)): str(rng.choice(['a', 'b', 'none']))
      for i, j in np.argwhere(there)
    }
    expected = {'nodes': set(), 'edges': set()}
    middle = range(1, nodes - 1)
    for count in range(nodes - 1):
      for between in itertools.combinations(middle, count):
        steps = list(itertools.pairwise((0, *between, nodes - 1)))
        if all(there[step] for step in steps):
          expected['nodes'].add(tuple(on_nodes[i] for i in between))
          expected['edges'].add(tuple(on_edges[step] for step in steps))
    for name, operations in (('nodes', on_nodes), ('edges', on_edges)):
      found = paths.paths(there, operations)
      live = {path for path in expected[name] if 'none' not in path}
      assert found == sorted(live, key=lambda path: (len(path), path))
      assert set(paths.paths(there, operations, ())) == expected[name]


def test_columns_are_counted():
  counts = {'none': 84, None: 155}  # 4 + 16 + 64, and 5 + 25 + 125
  for dead, count in counts.items():
    found = paths.columns(nasbench201.OPERATIONS, (1, 2, 3), None, (dead,))
    assert len(set(found)) == len(found) == count
  # NAS-Bench-101 in the paper: up to five nodes of three operations.
  assert len(paths.columns('abc', range(6))) == 364
  whole = paths.columns('abc', range(6))
  assert paths.columns('abc', range(6), 40) == whole[:40]
  assert [len(path) for path in whole] == sorted(len(path) for path in whole)


def test_every_path_of_nasbench201_has_its_column():
  cells = paths.Cells(_SPACE)
  rng = np.random.default_rng(1)
  archs = [_SPACE.sample(rng) for _ in range(300)]
  found = cells.rows(archs)
  assert found.shape == (300, 84)
  for arch, row in zip(archs, found, strict=True):
    expected = set()
    for route in _ROUTES:
      steps = itertools.pairwise('0' + route)
      path = tuple(arch[f'model.edge_{i}_{j}'] for i, j in steps)
      if 'none' not in path:
        expected.add(path)
    columns = {cells.columns[i] for i in np.flatnonzero(row)}
    assert columns == expected
  short = paths.Cells(_SPACE, 20)
  assert np.array_equal(short.rows(archs), found[:, :20])


def test_cells_that_compute_the_same_have_one_row():
  conv, skip, none = 'nor_conv_3x3', 'skip_connect', 'none'
  # Nothing comes out of node 1, so that what goes into it does not matter.
  dead = [_cell([op, skip, none, conv, none, conv]) for op in (conv, none)]
  # Nodes 1 and 2 change places.
  twins = [
    _cell([conv, skip, none, none, skip, conv]),
    _cell([skip, conv, none, none, conv, skip]),
  ]
  cells = paths.Cells(_SPACE)
  for a, b in (dead, twins):
    assert a != b
    assert np.array_equal(*cells.rows([a, b]))
  assert not np.array_equal(*cells.rows([dead[0], twins[0]]))
  assert cells.rows([]).shape == (0, 84)


@pytest.mark.parametrize('space', [mixed_search.cells(), mixed_search.mixed()])
def test_other_spaces_are_no_cells(space):
  assert not paths.is_cell(space)
