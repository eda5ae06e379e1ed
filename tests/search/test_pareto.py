import hypothesis
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
import numpy as np
import pytest

from effnas.search import pareto


def clouds(most=3):
  """Few points on a small grid, so that ties and equal points are common."""
  return st.integers(1, most).flatmap(
    lambda d: hnp.arrays(
      float,
      st.tuples(st.integers(0, 14), st.just(d)),
      elements=st.integers(0, 5),
    )
  )


def dominates(a, b):
  return bool((a <= b).all() and (a < b).any())


def peel(points):
  """Ranks by their definition: take the front off, again and again."""
  rank, left, level = {}, set(range(len(points))), 0
  while left:
    front = {
      i for i in left if not any(dominates(points[j], points[i]) for j in left)
    }
    rank.update(dict.fromkeys(front, level))
    left, level = left - front, level + 1
  return [rank[i] for i in range(len(points))]


@hypothesis.given(clouds())
def test_ranks_and_front_are_those_of_brute_force(points):
  assert pareto.ranks(points).tolist() == peel(points)
  front = [i for i, r in enumerate(peel(points)) if r == 0]
  assert pareto.front(points).tolist() == front


@hypothesis.given(clouds())
def test_hypervolume_is_the_number_of_dominated_unit_cells(points):
  reference = np.full(points.shape[1], 4)  # some points lie beyond it
  cells = np.stack(
    np.meshgrid(*[np.arange(4)] * points.shape[1], indexing='ij'), axis=-1
  ).reshape(-1, points.shape[1])
  covered = (points[None] <= cells[:, None]).all(-1).any(-1).sum()
  assert pareto.hypervolume(points, reference) == pytest.approx(covered)


@hypothesis.given(clouds(), st.randoms())
def test_hypervolume_does_not_depend_on_the_order(points, random):
  order = list(range(len(points)))
  random.shuffle(order)
  reference = [4.5] * points.shape[1]
  assert pareto.hypervolume(points[order], reference) == pytest.approx(
    pareto.hypervolume(points, reference)
  )


@hypothesis.given(clouds())
def test_places_never_put_a_dominated_point_before_its_dominator(points):
  place = pareto.places(points)
  assert sorted(place) == list(range(len(points)))
  for i, a in enumerate(points):
    for j, b in enumerate(points):
      if dominates(a, b):
        assert place[i] < place[j]


def test_crowding_by_hand():
  points = np.array([[0, 10], [1, 6], [5, 5], [10, 0]])
  found = pareto.crowding(points)
  # (neighbours' distance over the width) summed over both objectives
  assert found[1] == pytest.approx(5 / 10 + 5 / 10)
  assert found[2] == pytest.approx(9 / 10 + 6 / 10)
  assert np.isinf(found[[0, 3]]).all()
  assert pareto.places(points).tolist()[2] < pareto.places(points).tolist()[1]


def test_minimised_turns_only_what_is_to_be_maximised():
  found = pareto.minimised(np.array([[0.9, 5], [0.8, 3]]), [True, False])
  assert found.tolist() == [[-0.9, 5], [-0.8, 3]]
  assert pareto.minimised(np.zeros((0, 2)), [True, False]).shape == (0, 2)
