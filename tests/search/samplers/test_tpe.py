import mixed_search
import numpy as np
import pytest

from effnas import space as space_lib
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto
from effnas.search.proposing import features as features_lib
from effnas.search.samplers import motpe, tpe


def density(space, archs, weights=None):
  trials = [trial_lib.Trial(i, a) for i, a in enumerate(archs)]
  weights = np.ones(len(archs)) if weights is None else weights
  return tpe._Density(features_lib.Features(space), trials, weights)


def test_a_density_sums_to_one_over_options():
  space = space_lib.Space({f'o{i}': space_lib.oneof(*'abc') for i in range(4)})
  rng = np.random.default_rng(0)
  found = density(space, [space.sample(rng) for _ in range(6)])
  rows = features_lib.Features(space).rows(space.grid())
  assert np.exp(found.log(rows)).mean() == pytest.approx(1)


def test_a_density_sums_to_one_over_alternatives():
  space = space_lib.Space(
    space_lib.oneof(
      mixed_search.Convolution(kernel=space_lib.oneof(3, 5, 7)),
      mixed_search.Attention(
        heads=space_lib.oneof(1, 2), dropout=space_lib.oneof(0, 1)
      ),
    )
  )
  archs = list(space.grid())
  chances = [1 / 6 if len(arch) == 2 else 1 / 8 for arch in archs]
  found = density(space, [archs[0], archs[1], archs[5]])
  rows = features_lib.Features(space).rows(archs)
  assert np.exp(found.log(rows)) @ chances == pytest.approx(1)


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


def test_of_a_front_too_large_the_spread_points_are_good():
  x = np.array([0.0, 0.01, 0.02, 0.03, 0.5, 0.97, 1.0])
  chosen, _ = motpe._split(np.stack([x, 1 - x], axis=1), 3)
  assert 4 in chosen
  assert len(set(chosen)) == 3
