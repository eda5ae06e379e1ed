import math

import numpy as np
import pytest

from effnas.search.frontier import pareto
from effnas.search.samplers import nsga3


@pytest.mark.parametrize('objectives', [1, 2, 3, 5])
@pytest.mark.parametrize('most', [1, 12, 91])
def test_directions_are_those_of_das_and_dennis(objectives, most):
  found = nsga3.directions(objectives, most)
  assert found.sum(axis=1) == pytest.approx(np.ones(len(found)))
  assert len(found) <= max(most, objectives)
  assert len(np.unique(found.round(9), axis=0)) == len(found)
  assert {tuple(row) for row in np.eye(objectives)} <= set(map(tuple, found))


def test_directions_of_the_paper():
  """Three objectives in twelve parts: 91 directions."""
  assert len(nsga3.directions(3, 91)) == math.comb(14, 2) == 91
  assert len(nsga3.directions(3, 92)) == 91


def test_whole_fronts_survive_first():
  rng = np.random.default_rng(0)
  points = rng.random((80, 3))
  rank = pareto.ranks(points)
  for count in (5, 20, 40, 80):
    alive = nsga3.survivors(points, count, rng)
    assert len(set(alive.tolist())) == count
    worst = rank[alive].max()
    assert set(np.flatnonzero(rank < worst)) <= set(alive.tolist())


def test_survivors_of_one_front_spread_over_the_directions():
  """A crowd at one end of a line, and a few elsewhere: the few survive."""
  x = np.concatenate([np.linspace(0, 0.05, 40), [0.25, 0.5, 0.75, 1.0]])
  points = np.stack([x, 1 - x], axis=1) * [1, 1000]  # units do not matter
  alive = nsga3.survivors(points, 5, np.random.default_rng(0))
  assert {40, 41, 42, 43} < set(alive.tolist())


def test_equal_points_are_no_trouble():
  points = np.zeros((30, 3))
  alive = nsga3.survivors(points, 10, np.random.default_rng(0))
  assert len(set(alive.tolist())) == 10
