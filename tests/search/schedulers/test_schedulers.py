"""Schedulers; a new file in schedulers/ is held to the contract by itself."""

import collections
import json

import budget_search
import numpy as np
import pytest
import scheduled

from effnas import errors
from effnas.search import journal, schedulers
from effnas.search.scheduling import brackets, rungs

_NAMES = schedulers.names()


def test_names():
  assert set(budget_search.ARGS) <= set(_NAMES)


@pytest.mark.parametrize('concurrency', [1, 4])
@pytest.mark.parametrize('name', _NAMES)
def test_equal_seeds_give_equal_trials_whatever_finishes_first(
  tmp_path, name, concurrency
):
  seen = []
  for run in range(3):
    leader = scheduled.lead(tmp_path / str(run), name, concurrency=concurrency)
    seen.append(scheduled.play(leader, concurrency, run, fails={2, 5, 13, 21}))
  assert len(seen[0]) == 40
  assert seen[1] == seen[2] == seen[0]
  other = scheduled.lead(
    tmp_path / 'other', name, concurrency=concurrency, seed=1
  )
  assert scheduled.play(other, concurrency) != seen[0]


@pytest.mark.parametrize('name', _NAMES)
def test_contract(tmp_path, name):
  """Pure, valid, and a child trains longer than its done parent."""
  problem = budget_search.problem(budget_search.objectives(name))
  trials = scheduled.play(
    scheduled.lead(tmp_path / 'j', name, problem=problem), fails={2, 5}
  )
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
  trials = scheduled.play(
    scheduled.lead(tmp_path / 'j', name, concurrency=2), 2
  )
  roots = [json.dumps(t.arch) for t in trials if t.parent is None]
  assert len(set(roots)) == len(roots)


@pytest.mark.parametrize('name', _NAMES)
def test_asynchronous_searches_go_on_from_whatever_has_finished(tmp_path, name):
  leader = scheduled.lead(
    tmp_path / 'j', name, concurrency=3, asynchronous=True
  )
  trials = scheduled.play(leader, 3, fails={2, 11})
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
  leader = scheduled.lead(
    tmp_path / 'j',
    'hyperband',
    args={'max_epochs': 81},
    trials=2 * 206,
    concurrency=concurrency,
  )
  trials = scheduled.play(leader, concurrency)
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
  leader = scheduled.lead(tmp_path / 'j', 'successive_halving', concurrency=3)
  for i in range(12):
    leader.next()
    leader.done(i, {'accuracy': i / 20})
  last = leader.next()
  assert (last.id, last.epochs) == (12, 9)
  assert [leader.next().epochs, leader.next().epochs] == [1, 1]
  assert leader.next() is None


def test_halving_goes_on_with_what_did_not_fail(tmp_path):
  fails = set(range(8))
  trials = scheduled.play(
    scheduled.lead(tmp_path / 'j', 'successive_halving', trials=20), fails=fails
  )
  # Eight of nine failed: the last one has both other rungs to itself.
  assert [(t.epochs, t.parent) for t in trials[8:12]] == [
    (1, None),
    (3, 8),
    (9, 9),
    (1, None),
  ]
  everything = scheduled.play(
    scheduled.lead(tmp_path / 'k', 'successive_halving', trials=12),
    fails=range(12),
  )
  assert all(t.parent is None for t in everything)


def test_a_sampler_compares_results_of_one_rung_where_there_are(tmp_path):
  trials = scheduled.play(scheduled.lead(tmp_path / 'j', 'asha', trials=60))
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
    leader = scheduled.lead(
      path, name, args=args, sampler=sampler, trials=150, seed=seed
    )
    late = [t.arch for t in scheduled.play(leader)[75:] if t.parent is None]
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
    leader = scheduled.lead(
      tmp_path / name,
      name,
      problem=problem,
      trials=500,
      concurrency=3,
      max_draws=5,
    )
    trials = scheduled.play(leader, 3)
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
  leader = scheduled.lead(
    tmp_path / 'j',
    'pbt',
    args={'max_epochs': 9, 'size': 4, 'perturb': ['model.*', 'optim.*']},
    problem=problem,
    trials=72,
  )
  trials = scheduled.play(leader)
  assert all(t.footprint['params'] <= 500 for t in trials)
  for trial in trials:
    assert trial.footprint == budget_search.footprint(trial.arch)
  assert any(
    trials[t.parent].arch['model.width'] != t.arch['model.width']
    for t in trials
    if t.parent is not None
  )


@pytest.mark.parametrize('name', sorted({*_NAMES} - {'none', 'pareto_asha'}))
def test_several_objectives_are_one_line(tmp_path, name):
  problem = budget_search.problem(['accuracy', 'params'])
  leader = scheduled.lead(tmp_path / 'j', name, problem=problem)
  with pytest.raises(errors.UserError, match='takes one objective') as e:
    leader.prepare()
  assert f'scheduler {name}' in str(e.value)
  assert '\n' not in str(e.value)
  if name not in ('median_stopping', 'learning_curve'):
    weights = {'weights': {'accuracy': 1, 'params': 1e-5}}
    args = {**budget_search.ARGS[name], 'scalarise': weights}
    leader = scheduled.lead(tmp_path / 'k', name, problem=problem, args=args)
    assert len(scheduled.play(leader)) == 40


@pytest.mark.parametrize(
  ('name', 'args', 'said'),
  [
    ('ahsa', {}, "did you mean 'asha'"),
    ('asha', {'eat': 2}, "did you mean 'eta'"),
    ('asha', {'max_epochs': 0}, 'max_epochs must be a whole .* got 0'),
    ('hyperband', {'max_epochs': 2.5}, 'got 2.5'),
    ('asha', {}, 'needs scheduler_args.max_epochs'),
    (
      'pbt',
      {'max_epochs': 9, 'worst': 2.0},
      'worst must be a number from 0 to 1',
    ),
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
  leader = scheduled.lead(tmp_path / 'j', name, args=args)
  with pytest.raises(errors.UserError, match=said):
    leader.prepare()
