"""ASHA: who is promoted, for one objective and for several."""

import dataclasses

import budget_search
import numpy as np
import pytest
import scheduled

from effnas.search import schedulers
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto
from effnas.search.schedulers import pareto_asha


def test_asha_promotes_the_top_of_a_rung_and_as_early_as_it_can(tmp_path):
  trials = scheduled.play(
    scheduled.lead(tmp_path / 'j', 'asha', trials=120), fails={4, 9}
  )
  assert max(t.epochs for t in trials) == 9
  for trial in trials:
    seen = trials[: trial.id]
    climbed = {t.parent for t in seen}
    able = []
    for epochs in (1, 3):
      rung = [t for t in seen if t.epochs == epochs]
      best = sorted(
        (t for t in rung if t.status == 'done'),
        key=lambda t: -t.metrics['accuracy'],
      )
      able += [t.id for t in best[: len(rung) // 3] if t.id not in climbed]
    if trial.parent is None:
      assert able == []
    else:
      assert trial.parent in able
      highest = max(trials[i].epochs for i in able)
      assert trials[trial.parent].epochs == highest


def test_asha_promotes_from_the_highest_rung_first():
  problem = budget_search.problem()
  trials = [
    trial_lib.Trial(i, {'x': i}, {}, 'done', {'accuracy': i / 20}, epochs=1)
    for i in range(9)
  ]

  def climb(number, epochs):
    one = dataclasses.replace(
      trials[number], id=len(trials), epochs=epochs, parent=number
    )
    trials.append(one)

  for number in (8, 0, 7):  # one of the nine could still climb, one of these
    climb(number, 3)
  decide = schedulers.load('asha', {'max_epochs': 9}).decide
  made = []
  for _ in range(3):
    found = decide(problem.space, problem, trials, None, lambda shown: {})
    made.append((found.epochs, found.parent))
    if found.parent is not None:
      climb(found.parent, found.epochs)
  assert made == [(9, 9), (3, 6), (1, None)]


@pytest.mark.parametrize('spread', ['net', 'crowding'])
def test_pareto_asha_promotes_nobody_before_those_who_dominate_it(
  tmp_path, spread
):
  problem = budget_search.problem(['accuracy', 'params'])
  leader = scheduled.lead(
    tmp_path / 'j',
    'pareto_asha',
    args={'max_epochs': 9, 'spread': spread},
    problem=problem,
    trials=120,
  )
  trials = scheduled.play(leader)
  promoted = [t for t in trials if t.parent is not None]
  assert len(promoted) > 20
  for child in promoted:
    parent = trials[child.parent]
    rung = [t for t in trials[: child.id] if t.epochs == parent.epochs]
    climbed = {t.parent for t in trials[: child.id]}
    points = problem.scores(rung)
    own = points[rung.index(parent)]
    above = (points <= own).all(axis=1) & (points < own).any(axis=1)
    assert {rung[i].id for i in np.flatnonzero(above)} <= climbed
    order = pareto_asha.net if spread == 'net' else pareto.places
    assert order(points)[rung.index(parent)] < len(rung) // 3
  # Not only the most accurate: a rung's cheap ones climb, too.
  assert min(t.footprint['params'] for t in promoted) < 200


def test_a_net_is_spread_wider_than_its_first_points_by_crowding():
  rng = np.random.default_rng(0)
  front = np.sort(rng.random(40) ** 3)  # dense at one end
  points = np.column_stack([front, 1 - front])

  def gap(places):
    chosen = np.sort(points[np.argsort(places)[:6], 0])
    return np.diff(chosen).min()

  places = pareto_asha.net(points)
  assert sorted(places) == list(range(40))
  assert places[0] == 0
  assert places[-1] == 1
  assert gap(places) > 2 * gap(pareto.places(points))
  behind = np.concatenate([points, points[:3] + 0.5])
  assert set(pareto_asha.net(behind)[-3:]) == {40, 41, 42}
  odd = np.concatenate([points, [[np.nan, -1], [np.inf, np.inf]]])
  assert pareto_asha.net(odd).tolist() == [*places, 41, 40]
