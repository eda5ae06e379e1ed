import numpy as np
import pytest
import toy_search

from effnas import errors, search
from effnas.search import problem as problem_lib


@pytest.mark.parametrize(
  ('objectives', 'constraints', 'said'),
  [
    ([], {}, 'at least one metric'),
    ('accuracy', {}, 'must be a list'),
    (['acuracy'], {}, "did you mean 'accuracy'"),
    (['test_accuracy'], {}, 'must not look at the test set'),
    (['accuracy', 'accuracy'], {}, 'named twice'),
    (['accuracy'], {'accuracy': 0.5}, 'only footprint metrics'),
    (['accuracy'], {'size_byte': 5}, "did you mean 'size_bytes'"),
    (['accuracy'], {'params': '5'}, "a number above 0, got '5'"),
    (['accuracy'], {'params': float('nan')}, 'a number above 0'),
    (['accuracy'], {'params': 0}, 'upper bound must be a number above 0'),
    (['accuracy'], {'throughput@a100': 0}, 'lower bound must be a number ab'),
    (['accuracy'], [('params', 5)], 'must map'),
  ],
)
def test_bad_problems_are_refused(objectives, constraints, said):
  with pytest.raises(errors.UserError, match=said):
    problem_lib.check(objectives, constraints)


def trial(number, status='done', **metrics):
  return search.Trial(number, {}, {'params': 10}, status, metrics)


def test_scores_turn_what_is_maximised_and_prefer_what_was_evaluated():
  trials = [trial(0, accuracy=0.5), trial(1, accuracy=0.75, params=8)]
  found = search.scores(trials, ['accuracy', 'params'])
  assert found.tolist() == [[-0.5, 10], [-0.75, 8]]


def test_front_leaves_out_what_is_dominated_or_not_done():
  trials = [
    trial(0, accuracy=0.5, params=5),
    trial(1, accuracy=0.4, params=6),
    trial(2, 'failed'),
    trial(3, accuracy=0.9),
    trial(4, 'proposed'),
  ]
  front = search.front(trials, ['accuracy', 'params'])
  assert [t.id for t in front] == [0, 3]
  assert search.front(trials[4:], ['accuracy']) == []


def test_broken_names_the_constraints_with_their_values():
  problem = toy_search.problem({'params': 10, 'size_bytes': 1e9})
  assert problem.broken({'params': 10, 'size_bytes': 1}) == {}
  assert problem.broken({'params': 11, 'size_bytes': 1}) == {'params': 11}
  assert 'params' in problem.broken({'params': np.nan, 'size_bytes': 1})
  with pytest.raises(errors.UserError, match='params <= 10 cannot be checked'):
    problem.broken({'size_bytes': 1})


@pytest.mark.parametrize(
  ('found', 'said'),
  [
    ({}, 'the evaluation gave no accuracy'),
    ({'accuracy': float('nan')}, 'accuracy is not finite: nan'),
    ({'accuracy': float('inf')}, 'accuracy is not finite: inf'),
    ({'accuracy': 'high'}, "accuracy is no number: 'high'"),
    ({'accuracy': 0.5}, ''),
    ({'accuracy': 0.5, 'params': float('nan')}, 'params is not finite: nan'),
  ],
)
def test_flaw(found, said):
  assert toy_search.problem().flaw(trial(0), found) == said


def test_what_is_better_high_is_bounded_from_below():
  name = 'throughput@a100'
  problem = toy_search.problem({name: 100})
  assert problem.broken({name: 100.0}) == {}
  assert problem.broken({name: 99.0}) == {name: 99.0}
  assert name in problem.broken({name: np.nan})
  with pytest.raises(errors.UserError, match='throughput@a100 >= 100 cannot'):
    problem.broken({'params': 1})


def test_soft_constraints_put_what_breaks_them_behind():
  trials = [
    trial(0, accuracy=0.5, params=5),
    trial(1, accuracy=0.9, params=20),  # twice the bound
    trial(2, accuracy=0.8, params=11),
    trial(3, accuracy=0.6, params=9),
    trial(4, accuracy=0.4, params=6),
  ]
  names, soft = ['accuracy', 'params'], {'params': 10}
  points = search.scores(trials, names, soft)
  kept = [0, 3, 4]
  assert (points[kept] == search.scores(trials, names)[kept]).all()
  for i in kept:  # each dominates each that breaks it
    assert (points[i] < points[[1, 2]]).all()
  assert (points[2] < points[1]).all()  # less far off
  assert [t.id for t in search.front(trials, names, soft)] == [0, 3]


def test_where_none_keeps_to_them_the_nearest_is_the_front():
  trials = [trial(i, accuracy=0.1 * i, params=20 - i) for i in range(4)]
  soft = {'params': 2, 'accuracy': 0.9}
  assert [t.id for t in search.front(trials, ['accuracy'], soft)] == [3]


def test_a_trial_of_nan_is_on_no_front_and_hides_no_other():
  trials = [
    trial(0, accuracy=0.5, params=5),
    trial(1, accuracy=float('nan'), params=1),
    trial(2, accuracy=0.9, params=20),
    trial(3, accuracy=0.8, params=float('nan')),
    trial(4, accuracy=float('inf'), params=30),
  ]
  names = ['accuracy', 'params']
  assert [t.id for t in search.front(trials, names)] == [0, 2, 4]
  assert [t.id for t in search.front(trials, names, {'params': 10})] == [0]
  assert [t.id for t in search.front(trials, names, {'params': 1})] == [0]
  assert search.front(trials[1:2], names, {'params': 10}) == []
  # By the bound: as far off as can be.
  by_bound = search.front(trials, ['accuracy'], {'params': 4})
  assert [t.id for t in by_bound] == [0]


def test_soft_constraints_may_bound_quality_but_not_on_test_data():
  problem_lib.check(['params'], {}, {'accuracy': 0.9})
  with pytest.raises(errors.UserError, match='must not look at the test set'):
    problem_lib.check(['params'], {}, {'test_accuracy': 0.9})
  with pytest.raises(errors.UserError, match='soft constraint params: the upp'):
    problem_lib.check(['params'], {}, {'params': 0})


def test_results_must_tell_what_a_soft_constraint_bounds():
  problem = toy_search.problem(soft={'loss': 0.5})
  assert problem.flaw(trial(0), {'accuracy': 1.0}) == (
    'the evaluation gave no loss'
  )
