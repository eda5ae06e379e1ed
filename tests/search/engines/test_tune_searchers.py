"""Tune's searchers in the place of a sampler."""

import led
import mixed_search
import numpy as np
import pytest
import tuned

from effnas.search import plain
from effnas.search import trial as trial_lib
from effnas.search.engines.ray import searchers
from effnas.search.engines.ray import space as tune_space


def problem(objectives=('accuracy',), constraints=None, space=None):
  return mixed_search.problem(
    space or mixed_search.mixed(), objectives, constraints
  )


def play(leader, seed=0, stop_after=None, concurrency=1):
  led.shuffled(
    leader,
    concurrency,
    np.random.default_rng(seed),
    stop_after,
    accuracy=mixed_search.accuracy,
  )
  return list(leader.journal.trials)


def essence(trials):
  return [(t.id, plain.key(t.arch), t.status, t.metrics) for t in trials]


@pytest.fixture(params=['random', 'optuna', 'hyperopt'])
def name(request):
  if request.param != 'random':
    pytest.importorskip(request.param)
  return request.param


def test_a_searcher_that_is_told_the_number_of_trials_says_so():
  assert searchers.takes_total('tuned:Budgeted', {})
  assert not searchers.takes_total('tuned:Budgeted', {'budget': 50})
  assert not searchers.takes_total('tuned:Noting', {})


def test_a_search_is_the_same_whichever_trial_is_faster_and_resumed(
  name, tmp_path
):
  given = {'args': {'n_initial_points': 4}} if name == 'hyperopt' else {}
  bound = {'params': 150}  # so that some proposals are refused
  parts = {**given, 'problem': problem(constraints=bound), 'concurrency': 3}
  whole = play(tuned.lead(tmp_path / 'a', name, **parts), 0, None, 3)
  assert len(whole) == 20
  assert all(t.footprint['params'] <= 150 for t in whole)
  assert len({plain.key(t.arch) for t in whole}) == 20
  again = play(tuned.lead(tmp_path / 'b', name, **parts), 1, None, 3)
  assert essence(again) == essence(whole)
  for at in (2, 9, 17):
    path = tmp_path / f'c{at}'
    play(tuned.lead(path, name, **parts), at, at, 3)
    assert essence(play(tuned.lead(path, name, **parts), 5, None, 3)) == (
      essence(whole)
    )


def test_the_seed_is_the_searchers(tmp_path):
  found = [
    tuned.load('random', problem(), seed=seed)(None, problem(), [], None)
    for seed in (1, 1, 2)
  ]
  assert found[0] == found[1] != found[2]


def test_what_a_searcher_is_told(tmp_path, monkeypatch):
  """Of each trial once, in order of id, and only of those it may see."""
  asked = problem()
  rng = np.random.default_rng(0)
  archs = [asked.space.sample(rng) for _ in range(9)]
  notes = []
  monkeypatch.setattr(tuned.Noting, 'notes', notes)
  monkeypatch.setattr(
    tuned.Noting,
    'plan',
    lambda i: tune_space.config(asked.space, archs[i]),
  )
  propose = tuned.load('tuned:Noting', asked, {'repeat': 2})
  assert notes[0][:3] == ('properties', 'accuracy', 'max')

  def made(number, **kwargs):
    return trial_lib.Trial(number, archs[number], {'params': 8}, **kwargs)

  assert propose(asked.space, asked, [], rng) == archs[0]
  first = made(0)
  assert propose(asked.space, asked, [first], rng) == archs[0]  # said again
  assert propose(asked.space, asked, [first], rng) == archs[1]
  done = made(0, status='done', metrics={'accuracy': 0.5})
  stopped = made(1, status='stopped', reports={2: {'accuracy': 0.2}})
  failed = made(2, status='failed')
  other = trial_lib.Trial(
    3, archs[8], {}, status='done', metrics={'accuracy': 0.9}
  )
  del notes[:]
  assert propose(asked.space, asked, [done, made(1)], rng) == archs[1]
  assert [note[:2] for note in notes] == [
    ('complete', '00000'),
    ('suggest', '00003'),
  ]
  assert notes[0][2]['accuracy'] == 0.5
  del notes[:]
  propose(asked.space, asked, [done, stopped, made(2)], rng)
  kinds = [note[0] for note in notes]
  assert kinds.count('result') == 1
  told = [note for note in notes if note[0] == 'complete' and note[2]]
  assert [note[2]['accuracy'] for note in told] == [0.2]
  assert told[0][2]['training_iteration'] == 2
  del notes[:]
  propose(asked.space, asked, [done, stopped, failed, other], rng)
  added = [note for note in notes if note[0] == 'add']
  assert [note[2] for note in added] == [0.9]
