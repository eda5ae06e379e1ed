import mixed_search
import numpy as np
import pytest

from effnas import space as space_lib
from effnas.search import features as features_lib
from effnas.search import pareto
from effnas.search import trial as trial_lib
from effnas.search.samplers import motpe, tpe


def density(space, archs, weights=None):
  trials = [trial_lib.Trial(i, a) for i, a in enumerate(archs)]
  weights = np.ones(len(archs)) if weights is None else weights
  return tpe._Density(features_lib.Features(space), trials, weights)


def test_a_density_sums_to_one_over_options():
  space = mixed_search.cells()
  small = space_lib.Space({f'o{i}': space_lib.oneof(*'abc') for i in range(4)})
  rng = np.random.default_rng(0)
  for s in (small,):
    found = density(s, [s.sample(rng) for _ in range(6)])
    rows = features_lib.Features(s).rows(s.grid())
    assert np.exp(found.log(rows)).mean() == pytest.approx(1)
  assert len(space.decisions) == 8


def test_a_density_integrates_to_one_over_a_range():
  space = space_lib.Space({'x': space_lib.uniform(0, 1)})
  found = density(space, [{'x': 0.02}, {'x': 0.5}, {'x': 0.97}])
  rows = (np.arange(2000)[:, None] + 0.5) / 2000
  assert np.exp(found.log(rows)).mean() == pytest.approx(1, rel=1e-4)


def test_draws_follow_the_density():
  space = space_lib.Space(
    {'op': space_lib.oneof(*'abc'), 'x': space_lib.uniform(0, 1)}
  )
  found = density(
    space,
    [{'op': 'a', 'x': 0.1}, {'op': 'c', 'x': 0.7}],
    np.array([3.0, 1.0]),
  )
  rng = np.random.default_rng(0)
  drawn = [found.draw(space, rng) for _ in range(4000)]
  middles = (np.arange(200) + 0.5) / 200
  for number, op in enumerate('abc'):
    rows = np.stack([np.full(200, number), middles], axis=1)
    expected = np.exp(found.log(rows)).mean() / 3
    share = np.mean([a['op'] == op for a in drawn])
    assert share == pytest.approx(expected, abs=0.03)


def test_what_is_inactive_there_is_even():
  """Convolutions say nothing about the heads of attention."""
  space = mixed_search.mixed()
  rng = np.random.default_rng(0)
  archs = [space.sample(rng) for _ in range(40)]
  plain = [a for a in archs if a['block'] == 'Convolution']
  found = density(space, plain)
  rows = features_lib.Features(space).rows(
    {**a, 'block.Attention.heads': heads}
    for a in [next(a for a in archs if a['block'] == 'Attention')]
    for heads in (1, 2, 4)
  )
  logs = found.log(rows)
  assert logs == pytest.approx(np.full(3, logs[0]))


def test_the_good_ones_are_the_first_fronts_and_keep_the_hypervolume():
  rng = np.random.default_rng(0)
  points = rng.random((60, 2))
  rank = pareto.ranks(points)
  whole = int((rank == 0).sum())
  chosen, weights = motpe._split(points, whole)
  assert sorted(chosen) == np.flatnonzero(rank == 0).tolist()
  assert weights.max() == 1
  assert weights.min() >= 0.05
  few, _ = motpe._split(points, 3)
  corner = points.max(axis=0)
  kept = pareto.hypervolume(points[few], corner)
  others = [
    pareto.hypervolume(points[rng.permutation(chosen)[:3]], corner)
    for _ in range(20)
  ]
  assert kept > np.median(others)
