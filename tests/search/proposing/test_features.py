"""Architectures as rows, as points of a cube, and what is near to them."""

import mixed_search
import numpy as np
import pytest

from effnas.search import plain
from effnas.search.proposing import features as features_lib
from effnas.search.proposing import moves, unit_cube

_SPACE = mixed_search.mixed()


def samples(count, seed=0):
  rng = np.random.default_rng(seed)
  return [_SPACE.sample(rng) for _ in range(count)]


def test_one_hot_is_the_encoding_but_for_what_is_inactive():
  features = features_lib.Features(_SPACE)
  archs = samples(40)
  found = features.one_hot(features.rows(archs))
  encoded = np.stack([_SPACE.encode(arch) for arch in archs])
  assert np.array_equal(found, np.where(encoded == -1, 0.5, encoded))


def test_distances_are_those_of_a_definition():
  features = features_lib.Features(_SPACE)
  archs = samples(20)
  rows = features.rows(archs)
  apart = features.apart(rows[:12], rows)
  for k, (key, choice) in enumerate(_SPACE.decisions.items()):
    for i, a in enumerate(archs[:12]):
      for j, b in enumerate(archs):
        if (key in a) != (key in b):
          expected = 1.0
        elif key not in a:
          expected = 0.0
        else:
          codes = np.array(choice.encode(a[key])) - choice.encode(b[key])
          expected = np.abs(codes).max()
        assert apart[k, i, j] == pytest.approx(expected)


def test_no_architectures_have_rows_too():
  features = features_lib.Features(_SPACE)
  assert features.rows([]).shape == (0, len(_SPACE.decisions))
  assert features.one_hot(features.rows([])).shape[0] == 0


def test_every_option_owns_an_equal_part_of_the_cube():
  width = len(_SPACE.decisions)
  rng = np.random.default_rng(0)
  points = (rng.permuted(np.tile(np.arange(960), (width, 1)), axis=1) + 0.5).T
  archs = [unit_cube.arch(_SPACE, point / 960) for point in points]
  for key, parts in (('width', 8), ('twins', 3), ('block', 2), ('only', 1)):
    values = [(type(a[key]), a[key]) for a in archs]
    counts = {value: values.count(value) for value in values}
    assert set(counts.values()) == {960 // parts}
  logs = np.log10([arch['rate'] for arch in archs])
  assert np.quantile(logs, [0.25, 0.5, 0.75]) == pytest.approx(
    [-3.25, -2.5, -1.75], abs=0.01
  )


@pytest.mark.parametrize('end', [0.0, 1.0])
def test_the_ends_of_the_cube_are_architectures(end):
  arch = unit_cube.arch(_SPACE, [end] * len(_SPACE.decisions))
  _SPACE.check(arch)
  assert arch['rate'] == pytest.approx((1e-4, 1e-1)[int(end)])


def test_moves_change_something_and_mostly_little():
  rng = np.random.default_rng(0)
  changes = []
  for arch in samples(200):
    new = moves.nearby(_SPACE, arch, rng)
    _SPACE.check(new)
    assert plain.key(new) != plain.key(arch)
    changes.append(
      sum(
        plain.key({0: arch[k]}) != plain.key({0: new[k]})
        for k in arch
        if k in new
      )
    )
  assert 0.4 < np.mean(np.array(changes) == 1) < 0.7
  assert max(changes) >= 3


def test_candidates_are_shared_out_among_their_parents():
  space = mixed_search.cells()
  rng = np.random.default_rng(0)
  parents = [dict.fromkeys(space.decisions, v) for v in 'ae']
  found = list(moves.around(space, parents, 40, rng))
  assert len(found) == 40
  for i, arch in enumerate(found):
    kept = [sum(arch[k] == p[k] for k in arch) for p in parents]
    assert np.argmax(kept) == i % 2
