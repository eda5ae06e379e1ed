"""Schedulers; a new file in schedulers/ is held to the contract by itself."""

import collections
import dataclasses
import json

import budget_search
import numpy as np
import pytest

from effnas import errors
from effnas.search import (
  brackets,
  conductor,
  journal,
  pareto,
  rungs,
  samplers,
  schedulers,
)
from effnas.search import trial as trial_lib
from effnas.search.schedulers import median_stopping, pareto_asha

_NAMES = schedulers.names()


def lead(path, name, *, args=None, problem=None, epochs=9, **kwargs):
  given = budget_search.ARGS.get(name, {}) if args is None else args
  return conductor.Conductor(
    problem or budget_search.problem(budget_search.objectives(name)),
    samplers.load(*kwargs.pop('sampler', ('random', {}))),
    journal.Journal(path),
    scheduler=schedulers.load(name, given, epochs),
    **{'trials': 40, **kwargs},
  )


def play(leader, concurrency=1, seed=0, fails=()):
  """An engine whose running trials finish in random order."""
  rng, running, skills = np.random.default_rng(seed), [], {}
  while True:
    while (trial := leader.next()) is not None:
      running.append(trial)
    assert len(running) <= concurrency
    if not running:
      assert leader.exhausted
      leader.journal.close()
      return list(leader.journal.trials)
    trial = running.pop(rng.integers(len(running)))
    skill, last = skills.get(trial.parent, (0.0, 0))
    epochs = trial.epochs or 9
    trained = budget_search.trained(trial.arch, skill, epochs - last)
    skills[trial.id] = list(trained)[-1], epochs
    if trial.id in fails:
      leader.failed(trial.id, 'MemoryError')
    else:
      found = budget_search.accuracy(trial.arch, skills[trial.id][0])
      leader.done(trial.id, {'accuracy': found})


def test_names():
  assert set(budget_search.ARGS) <= set(_NAMES)


@pytest.mark.parametrize('concurrency', [1, 4])
@pytest.mark.parametrize('name', _NAMES)
def test_equal_seeds_give_equal_trials_whatever_finishes_first(
  tmp_path, name, concurrency
):
  seen = []
  for run in range(3):
    leader = lead(tmp_path / str(run), name, concurrency=concurrency)
    seen.append(play(leader, concurrency, run, fails={2, 5, 13, 21}))
  assert len(seen[0]) == 40
  assert seen[1] == seen[2] == seen[0]
  other = lead(tmp_path / 'other', name, concurrency=concurrency, seed=1)
  assert play(other, concurrency) != seen[0]


@pytest.mark.parametrize('name', _NAMES)
def test_contract(tmp_path, name):
  """Pure, valid, and a child trains longer than its done parent."""
  problem = budget_search.problem(budget_search.objectives(name))
  trials = play(lead(tmp_path / 'j', name, problem=problem), fails={2, 5})
  decide = schedulers.load(name, budget_search.ARGS.get(name, {}), 9).decide
  before = [dict(t.arch) for t in trials]
  for count in (0, 1, 7, 22, 39):
    seen = trials[: count - 1] + [t.untold for t in trials[count - 1 : count]]
    made = [
      decide(
        problem.space,
        problem,
        seen,
        np.random.default_rng([3, count]),
        lambda shown=None: dict(before[0]),
      )
      for _ in range(2)
    ]
    assert made[0] == made[1]
  assert [dict(t.arch) for t in trials] == before
  for trial in trials:
    problem.space.check(trial.arch)
    assert trial.epochs is None or 1 <= trial.epochs <= 9
    if trial.parent is not None:
      parent = trials[trial.parent]
      assert parent.status == 'done'
      assert parent.id < trial.id
      assert parent.epochs < trial.epochs
  copied = journal.read(tmp_path / 'j')
  assert copied == trials


@pytest.mark.parametrize('name', _NAMES)
def test_children_are_no_duplicates_and_new_ones_are_new(tmp_path, name):
  trials = play(lead(tmp_path / 'j', name, concurrency=2), 2)
  roots = [json.dumps(t.arch) for t in trials if t.parent is None]
  assert len(set(roots)) == len(roots)


@pytest.mark.parametrize('name', _NAMES)
def test_asynchronous_searches_go_on_from_whatever_has_finished(tmp_path, name):
  leader = lead(tmp_path / 'j', name, concurrency=3, asynchronous=True)
  trials = play(leader, 3, fails={2, 11})
  assert len(trials) == 40
  assert any(t.parent is not None for t in trials) == (
    'max_epochs' in budget_search.ARGS[name]
  )


def test_hyperband_has_the_published_brackets():
  found = brackets.hyperband(81, 1, 3)
  assert found == [
    [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
    [(34, 3), (11, 9), (3, 27), (1, 81)],
    [(15, 9), (5, 27), (1, 81)],
    [(8, 27), (2, 81)],
    [(5, 81)],
  ]


@pytest.mark.parametrize('concurrency', [1, 8])
def test_hyperband_runs_its_brackets_and_begins_anew(tmp_path, concurrency):
  """A turn has 206 trials; how many run at once changes only their order."""
  leader = lead(
    tmp_path / 'j',
    'hyperband',
    args={'max_epochs': 81},
    trials=2 * 206,
    concurrency=concurrency,
  )
  trials = play(leader, concurrency)
  for turn in (trials[:206], trials[206:]):
    roots = collections.Counter(t.epochs for t in turn if t.parent is None)
    assert roots == {1: 81, 3: 34, 9: 15, 27: 8, 81: 5}
    rows = collections.Counter()
    for trial in turn:
      root = trial
      while root.parent is not None:
        root = trials[root.parent]
      rows[root.epochs, trial.epochs] += 1
    for one in brackets.hyperband(81, 1, 3):
      for count, epochs in one:
        assert rows[one[0][1], epochs] == count
  # The best of a rung went on.
  first = [t for t in trials[:206] if t.parent is None and t.epochs == 1]
  best = sorted(first, key=lambda t: -t.metrics['accuracy'])[:27]
  parents = {t.parent for t in trials}
  assert {t.id for t in first if t.id in parents} == {t.id for t in best}


def test_a_bracket_begins_while_the_last_rung_of_the_one_before_trains(
  tmp_path,
):
  leader = lead(tmp_path / 'j', 'successive_halving', concurrency=3)
  for i in range(12):
    leader.next()
    leader.done(i, {'accuracy': i / 20})
  last = leader.next()
  assert (last.id, last.epochs) == (12, 9)
  assert [leader.next().epochs, leader.next().epochs] == [1, 1]
  assert leader.next() is None


def test_halving_goes_on_with_what_did_not_fail(tmp_path):
  fails = set(range(8))
  trials = play(
    lead(tmp_path / 'j', 'successive_halving', trials=20), fails=fails
  )
  # Eight of nine failed: the last one has both other rungs to itself.
  assert [(t.epochs, t.parent) for t in trials[8:12]] == [
    (1, None),
    (3, 8),
    (9, 9),
    (1, None),
  ]
  everything = play(
    lead(tmp_path / 'k', 'successive_halving', trials=12), fails=range(12)
  )
  assert all(t.parent is None for t in everything)


def test_asha_promotes_the_top_of_a_rung_and_as_early_as_it_can(tmp_path):
  trials = play(lead(tmp_path / 'j', 'asha', trials=120), fails={4, 9})
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
  leader = lead(
    tmp_path / 'j',
    'pareto_asha',
    args={'max_epochs': 9, 'spread': spread},
    problem=problem,
    trials=120,
  )
  trials = play(leader)
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


def test_a_population_hands_on_weights_and_changes_numbers_only(tmp_path):
  trials = play(lead(tmp_path / 'j', 'pbt', trials=60, seed=4))
  per = 4 * 5  # members, turns of 2 epochs
  taken_over = 0
  for trial in trials:
    turn, member = divmod(trial.id % per, 4)
    assert trial.epochs == min(2 * (turn + 1), 9)
    if not turn:
      assert trial.parent is None
      continue
    last = trial.id - member - 4
    assert last <= trial.parent < last + 4
    parent = trials[trial.parent]
    for key in ('model.kernel', 'model.width'):
      assert trial.arch[key] == parent.arch[key]
    rung = sorted(trials[last : last + 4], key=lambda t: t.metrics['accuracy'])
    if trial.parent == last + member and trial.arch == parent.arch:
      assert trials[last + member] != rung[0]
    else:
      taken_over += 1
      assert trials[last + member] == rung[0]  # a quarter of four
      assert parent == rung[-1]
      assert trial.arch['optim.lr'] != parent.arch['optim.lr']
  assert taken_over == 60 - 60 // 5 - 4 * 9


def test_a_population_waits_for_each_member_s_own_last_turn(tmp_path):
  """More trials at once than members: they are not all running ever."""
  leader = lead(tmp_path / 'j', 'pbt', concurrency=6, trials=20)
  assert len(play(leader, 4)) == 20  # it asserts that no more than 4 run


def test_inheriting_beats_training_by_one_rate(tmp_path):
  """The toy wants a rate that falls while it learns."""

  def best(worst, seed):
    args = {'max_epochs': 24, 'interval': 2, 'size': 8, 'worst': worst}
    path = tmp_path / f'{worst}{seed}'
    leader = lead(path, 'pbt', args=args, trials=8 * 12, seed=seed)
    return max(t.metrics['accuracy'] for t in play(leader))

  def alone(seed):
    leader = lead(
      tmp_path / f'alone{seed}',
      'successive_halving',
      args={'max_epochs': 24, 'min_epochs': 24},
      trials=8,
      seed=seed,
    )
    trials = play(leader)
    assert all(t.epochs == 24 for t in trials)
    return max(t.metrics['accuracy'] for t in trials)

  gains = [best(0.25, seed) - alone(seed) for seed in range(6)]
  assert sum(gain > 0 for gain in gains) >= 5
  assert np.mean(gains) > 0.05


def test_a_sampler_compares_results_of_one_rung_where_there_are(tmp_path):
  trials = play(lead(tmp_path / 'j', 'asha', trials=60))
  counts = collections.Counter(t.epochs for t in trials)
  assert counts[1] > counts[3] > counts[9] > 0
  roots = [t for t in trials if t.parent is None]
  for enough, rung in ((1, 9), (counts[9] + 1, 3), (counts[3] + 1, 1)):
    shown = rungs.comparable(trials, enough)
    assert [t.arch for t in shown] == [t.arch for t in roots]
    seen = collections.Counter(t.epochs for t in shown)
    assert max(seen) == rung
    assert seen[rung] == counts[rung]
    climbed = {t.parent for t in trials}
    assert all(t.epochs == rung or t.id not in climbed for t in shown)
  running = [*trials[:-1], trials[-1].untold]
  assert all(t.finished for t in rungs.comparable(running, 1)[:-1])


def test_bohb_proposes_what_is_good_with_all_epochs(tmp_path):
  def mean(name, args, seed):
    path = tmp_path / f'{name}{seed}'
    sampler = ('tpe', {'initial': 5})
    leader = lead(path, name, args=args, sampler=sampler, trials=150, seed=seed)
    late = [t.arch for t in play(leader)[75:] if t.parent is None]
    skills = [list(budget_search.trained(a, 0.0, 9))[-1] for a in late]
    return np.mean(skills)  # of all epochs, whatever they got

  for seed in range(3):  # the means of five: 0.32 and 0.20
    args = {'max_epochs': 9, 'enough': 8}
    learned = mean('bohb', args, seed)
    drawn = mean('bohb', {**args, 'random': 1.0}, seed + 10)
    assert learned > 1.2 * drawn


def test_where_nothing_new_is_left_the_best_go_on(tmp_path):
  """A space of 72: all are tried, then as many climb as can."""
  for name in ('asha', 'successive_halving', 'hyperband', 'pareto_asha'):
    problem = budget_search.problem(
      budget_search.objectives(name), {'params': 400}, finite=True
    )
    leader = lead(
      tmp_path / name,
      name,
      problem=problem,
      trials=500,
      concurrency=3,
      max_draws=5,
    )
    trials = play(leader, 3)
    roots = [t for t in trials if t.parent is None]
    feasible = [
      a
      for a in problem.space.grid()
      if budget_search.footprint(a)['params'] <= 400
    ]
    assert len(roots) == len(feasible) < len(trials) < 500
    assert sum(t.epochs == 9 for t in trials) >= len(roots) // 9
    short = len(roots) % 9
    assert short
    climbed = {t.parent for t in trials}
    if name == 'successive_halving':  # the last bracket has fewer
      assert any(t.id in climbed for t in roots[-short:])
    if 'asha' in name:  # everybody climbs in the end
      assert sum(t.epochs == 9 for t in trials) == len(roots)


def test_constraints_hold_for_what_a_scheduler_changes(tmp_path):
  problem = budget_search.problem(('accuracy',), {'params': 500})
  leader = lead(
    tmp_path / 'j',
    'pbt',
    args={'max_epochs': 9, 'size': 4, 'perturb': ['model.*', 'optim.*']},
    problem=problem,
    trials=72,
  )
  trials = play(leader)
  assert all(t.footprint['params'] <= 500 for t in trials)
  for trial in trials:
    assert trial.footprint == budget_search.footprint(trial.arch)
  assert any(
    trials[t.parent].arch['model.width'] != t.arch['model.width']
    for t in trials
    if t.parent is not None
  )


def test_median_stopping_by_hand():
  problem = budget_search.problem()

  def trial(number, *values, status='done'):
    reports = {e: {'accuracy': v} for e, v in enumerate(values, 1)}
    return trial_lib.Trial(number, {}, {}, status, {}, '', reports)

  trials = [
    trial(0, 0.2, 0.4),  # mean up to epoch 2: 0.3
    trial(1, 0.3, 0.3),
    trial(2, 0.1, status='stopped'),
    trial(3, 0.6, 0.8),
    trial(4, 0.9, 0.9, status='failed'),
  ]
  now = trial(5, 0.25, status='proposed')
  found = median_stopping.bounds(problem, trials, now, startup=3)
  assert found['metric'] == 'accuracy'
  assert found['bounds'] == [
    [1, pytest.approx(0.25)],
    [2, pytest.approx(0.3)],
  ]
  assert found['best'] == 0.25
  found = median_stopping.bounds(problem, trials, now, startup=4, grace=1)
  assert [epoch for epoch, _ in found['bounds']] == [1]
  found = median_stopping.bounds(problem, trials, now, startup=3, grace=2)
  assert [epoch for epoch, _ in found['bounds']] == [2]


@pytest.mark.parametrize('concurrency', [1, 3])
def test_stopped_trials_were_worse_and_have_no_results(tmp_path, concurrency):
  config = budget_search.config('median_stopping', concurrency=concurrency)
  trials = budget_search.run(tmp_path, config)
  stopped = [t for t in trials if t.status == 'stopped']
  assert 5 < len(stopped) < 30
  for trial in stopped:
    assert trial.metrics == {}
    seen = trials[: max(0, trial.id - concurrency + 1)]
    last = max(trial.reports)
    found = median_stopping.bounds(
      budget_search.problem(), seen, trial.untold, startup=3
    )
    for epoch, bound in found['bounds']:
      if epoch <= last:
        best = max(
          found['accuracy'] for e, found in trial.reports.items() if e <= epoch
        )
        assert (best < bound) == (epoch == last)
    assert f'of epoch {last}' in trial.reason
  # What was not stopped has all its epochs.
  for trial in trials:
    assert trial.status == 'stopped' or trial.metrics['epoch'] == 5


def test_trials_that_report_nothing_are_told_of(tmp_path):
  leader = lead(tmp_path / 'j', 'median_stopping')
  for _ in range(3):
    trial = leader.next()
    assert leader.call(trial)['bounds']['bounds'] == []
    leader.done(trial.id, {'accuracy': 0.5})
  trial = leader.next()
  with pytest.raises(errors.UserError, match=r'set train\.eval_every to 1'):
    leader.call(trial)


@pytest.mark.parametrize('name', sorted({*_NAMES} - {'none', 'pareto_asha'}))
def test_several_objectives_are_one_line(tmp_path, name):
  problem = budget_search.problem(['accuracy', 'params'])
  leader = lead(tmp_path / 'j', name, problem=problem)
  with pytest.raises(errors.UserError, match='takes one objective') as e:
    leader.prepare()
  assert f'scheduler {name}' in str(e.value)
  assert '\n' not in str(e.value)
  if name != 'median_stopping':
    weights = {'weights': {'accuracy': 1, 'params': 1e-5}}
    args = {**budget_search.ARGS[name], 'scalarise': weights}
    leader = lead(tmp_path / 'k', name, problem=problem, args=args)
    assert len(play(leader)) == 40


@pytest.mark.parametrize(
  ('name', 'args', 'said'),
  [
    ('ahsa', {}, "did you mean 'asha'"),
    ('asha', {'eat': 2}, "did you mean 'eta'"),
    ('asha', {'max_epochs': 0}, 'max_epochs must be a whole .* got 0'),
    ('hyperband', {'max_epochs': 2.5}, 'got 2.5'),
    ('asha', {}, 'needs scheduler_args.max_epochs'),
    ('pbt', {'max_epochs': 9, 'worst': 2.0}, 'worst must lie in 0 to 1'),
    ('pbt', {'max_epochs': 9, 'perturb': 'optim.*'}, 'must be a list'),
    ('none', {'max_epochs': 9}, 'unknown argument'),
  ],
)
def test_bad_arguments(name, args, said):
  with pytest.raises(errors.UserError, match=said):
    schedulers.load(name, args)


@pytest.mark.parametrize(
  ('name', 'args', 'said'),
  [
    ('asha', {'max_epochs': 9, 'eta': 1}, 'eta must be 2 or more, got 1'),
    ('asha', {'max_epochs': 9, 'min_epochs': 10}, 'more than max_epochs 9'),
    ('pareto_asha', {'max_epochs': 9, 'spread': 'nte'}, "did you mean 'net'"),
    (
      'pbt',
      {'max_epochs': 9, 'perturb': ['quant.*']},
      r'quant\.\*, but the space',
    ),
  ],
)
def test_arguments_that_do_not_fit(tmp_path, name, args, said):
  leader = lead(tmp_path / 'j', name, args=args)
  with pytest.raises(errors.UserError, match=said):
    leader.prepare()
