import hypothesis
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
import numpy as np
import pytest

from effnas import errors
from effnas.search.frontier import hypervolume, pareto, pareto_picks


def given(*strategies):
  """Few examples, in any time."""
  limits = hypothesis.settings(max_examples=50, deadline=None)
  return lambda test: limits(hypothesis.given(*strategies)(test))


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


@given(clouds())
def test_ranks_and_front_are_those_of_brute_force(points):
  assert pareto.ranks(points).tolist() == peel(points)
  front = [i for i, r in enumerate(peel(points)) if r == 0]
  assert pareto.front(points).tolist() == front


@given(clouds(most=4))
def test_hypervolume_is_the_number_of_dominated_unit_cells(points):
  reference = np.full(points.shape[1], 4)  # some points lie beyond it
  cells = np.stack(
    np.meshgrid(*[np.arange(4)] * points.shape[1], indexing='ij'), axis=-1
  ).reshape(-1, points.shape[1])
  covered = (points[None] <= cells[:, None]).all(-1).any(-1).sum()
  assert pareto.hypervolume(points, reference) == pytest.approx(covered)


@given(clouds(), st.randoms())
def test_hypervolume_does_not_depend_on_the_order(points, random):
  order = list(range(len(points)))
  random.shuffle(order)
  reference = [4.5] * points.shape[1]
  assert pareto.hypervolume(points[order], reference) == pytest.approx(
    pareto.hypervolume(points, reference)
  )


@given(clouds())
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


@pytest.mark.parametrize('objectives', [2, 3, 4])
def test_hypervolume_is_that_of_monte_carlo(objectives):
  rng = np.random.default_rng(objectives)
  points = rng.random((12, objectives))
  draws = rng.random((40_000, objectives)) * 1.1
  covered = np.zeros(len(draws), bool)
  for point in points:
    covered |= (point <= draws).all(axis=1)
  expected = covered.mean() * 1.1**objectives
  deviation = (covered.mean() * (1 - covered.mean()) / len(draws)) ** 0.5
  found = pareto.hypervolume(points, [1.1] * objectives)
  assert abs(found - expected) < 4 * deviation * 1.1**objectives


@pytest.mark.parametrize(
  ('points', 'expected'),
  [
    ([[1, 2, 3]], 3 * 2 * 1),
    ([[1, 2, 3], [1, 2, 3], [3, 3, 3]], 6),
    # Two boxes of 3 x 2 x 1 and 1 x 2 x 3, which share 1 x 2 x 1.
    ([[1, 2, 3], [3, 2, 1]], 6 + 6 - 2),
    ([[0, 0, 0, 0]], 4**4),
    ([[0, 0, 0, 3], [3, 0, 0, 0]], 64 + 64 - 16),
    ([[4, 0, 0], [0, 0, 5]], 0),
  ],
)
def test_hypervolume_by_hand(points, expected):
  reference = [4] * len(points[0])
  assert pareto.hypervolume(np.array(points), reference) == expected


@given(clouds(most=4))
def test_contributions_are_what_leaving_a_point_out_costs(points):
  reference = [4.5] * points.shape[1]
  whole = pareto.hypervolume(points, reference)
  found = hypervolume.contributions(points, reference)
  for i, part in enumerate(found):
    rest = np.delete(points, i, axis=0)
    left = pareto.hypervolume(rest, reference) if len(rest) else 0.0
    assert part == pytest.approx(whole - left)


@given(clouds(), st.integers(0, 6))
def test_a_subset_is_picked_as_by_looking_at_all(points, count):
  reference = [4.5] * points.shape[1]
  picked = hypervolume.subset(points, count, reference)
  assert len(set(picked)) == len(picked) == min(count, len(points))
  for i, one in enumerate(picked):
    volumes = [
      pareto.hypervolume(points[picked[:i] + [j]], reference)
      for j in range(len(points))
    ]
    assert volumes[one] == pytest.approx(max(volumes))


def test_the_knee_does_not_depend_on_units_or_dominated_points():
  points = np.array([[0, 10], [2, 3], [4, 2], [10, 0], [11, 11]], float)
  assert pareto_picks.knee(points) == 1
  assert pareto_picks.knee(points * [1e-3, 1e6] + [5, -7]) == 1
  assert pareto_picks.knee(points[::-1]) == 3
  assert pareto_picks.knee(points[:1]) == 0


@given(clouds(), st.floats(0.3, 3))
def test_an_epsilon_front_covers_every_point(points, side):
  kept = pareto_picks.epsilon_front(points, side)
  assert set(kept) <= set(pareto.front(points))
  boxes = np.floor(points[kept] / side)
  assert len(kept) == len(np.unique(boxes, axis=0))
  assert not pareto.ranks(boxes).any()
  if len(points):
    assert pareto_picks.epsilon(points[kept], points) <= side + 1e-9


@given(clouds(), st.integers(0, 3))
def test_epsilon_is_the_least_shift_that_dominates(points, shift):
  hypothesis.assume(len(points))
  assert pareto_picks.epsilon(points, points) == 0
  assert pareto_picks.epsilon(points + shift, points) == shift
  found = pareto_picks.epsilon(points[:1], points)
  shifted = points[:1] - found
  assert (shifted <= points).all()
  assert not (shifted + 0.01 <= points).all()


def test_a_box_that_another_dominates_is_left_out():
  points = np.array([[0.0, 3.0], [1.0, 2.0]])
  assert pareto_picks.epsilon_front(points, 1.5).tolist() == [1]


NAN, INF = float('nan'), float('inf')


@given(clouds(), st.data())
def test_points_with_nan_rank_behind_and_change_no_other(points, data):
  holes = data.draw(hnp.arrays(bool, points.shape))
  holed = np.where(holes, NAN, points)
  lost = holes.any(axis=1)
  rank = pareto.ranks(holed)
  assert rank[~lost].tolist() == peel(points[~lost])
  assert (rank[lost] == max([0, *rank[~lost]]) + 1).all()
  assert not set(pareto.front(holed)) & set(np.flatnonzero(lost))
  place = pareto.places(holed)
  assert sorted(place) == list(range(len(points)))
  assert sorted(place[~lost]) == list(range((~lost).sum()))
  known = points[~lost]
  corner = [4.5] * points.shape[1]
  assert pareto.hypervolume(holed, corner) == pareto.hypervolume(known, corner)
  added = hypervolume.contributions(holed, corner)
  assert not added[lost].any()
  assert added[~lost].tolist() == pytest.approx(
    hypervolume.contributions(known, corner)
  )
  kept = pareto_picks.epsilon_front(holed, 1.5)
  expected = np.flatnonzero(~lost)[pareto_picks.epsilon_front(known, 1.5)]
  assert kept.tolist() == expected.tolist()


@pytest.mark.parametrize('objectives', [1, 2, 3])
def test_nan_alone_is_no_front(objectives):
  points = np.full((3, objectives), NAN)
  assert pareto.ranks(points).tolist() == [1, 1, 1]
  assert not len(pareto.front(points))
  assert pareto.places(points).tolist() == [0, 1, 2]
  assert pareto.crowding(points).tolist() == [0, 0, 0]
  assert hypervolume.subset(points, 2, [1] * objectives) == [0, 1]
  assert not len(pareto_picks.epsilon_front(points, 1))
  assert pareto_picks.epsilon(points, np.zeros((1, objectives))) == INF
  with pytest.raises(errors.UserError, match='a point without NaN'):
    pareto_picks.knee(points)


def test_infinity_is_worse_than_any_number():
  points = np.array([[INF, 1], [2, 2], [1, INF], [INF, INF], [-INF, INF]])
  assert pareto.ranks(points).tolist() == [0, 0, 1, 2, 0]
  assert pareto.ranks(points[:, :1]).tolist() == [3, 2, 1, 3, 0]


def test_infinity_widens_no_front():
  points = np.array([[0, 10], [1, 6], [5, 5], [10, 0]])
  ends = np.array([[-INF, INF], [INF, -INF]])
  found = pareto.crowding(np.concatenate([points, ends]))
  assert np.isinf(found[[4, 5]]).all()
  # The old ends have a neighbour now, as far off as themselves.
  assert found[1:3].tolist() == pareto.crowding(points)[1:3].tolist()
  assert found[0] == pytest.approx(1 / 10 + 4 / 10)
  assert not np.isnan(pareto.crowding(np.array([[INF], [INF], [INF]]))).any()
  # Differences that overflow are parts of a width that does.
  wide = np.array([[-1.5e308, 1], [0, 0.5], [1.5e308, 0]])
  assert pareto.crowding(wide)[1] == pytest.approx(2)
  assert pareto.crowding([[0, 3], [NAN, 1], [1, 1], [3, 0]]).tolist() == [
    INF,
    0,
    2,
    INF,
  ]


def test_infinite_points_have_volumes_and_picks():
  corner = (3, 3)
  points = np.array([[1, 2], [2, INF]])
  assert pareto.hypervolume(points, corner) == 2
  assert hypervolume.contributions(points, corner).tolist() == [2, 0]
  endless = np.array([[1, 2], [-INF, 2.5], [-INF, 2]])
  for objectives in (2, 3):
    cloud = np.pad(endless, ((0, 0), (0, objectives - 2)))
    ends = [3] * objectives
    assert pareto.hypervolume(cloud, ends) == INF
    assert hypervolume.contributions(cloud, ends).tolist() == [0, 0, 0]
    assert hypervolume.contributions(cloud[:2], ends)[1] == INF
    assert hypervolume.subset(cloud, 2, ends) == [1, 0]
  with pytest.raises(errors.UserError, match='finite'):
    pareto.hypervolume(points, (3, NAN))
  assert pareto_picks.knee(np.array([[0, INF], [4, 4], [5, 1]])) == 1
  assert pareto_picks.epsilon_front(
    np.array([[0, INF], [0, 1], [-INF, 2]]), 1
  ).tolist() == [1, 2]
  assert pareto_picks.epsilon([[INF, 1]], [[INF, 0]]) == 1
  assert pareto_picks.epsilon([[0, 0]], [[NAN, 0], [1, 1]]) == -1
