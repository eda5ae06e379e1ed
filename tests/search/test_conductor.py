"""What may be proposed when, and that it does not depend on who is faster."""

import dataclasses

import led
import mixed_search
import numpy as np
import pytest
import toy_search

from effnas import errors, space
from effnas.search import (
  conductor,
  journal,
  plain,
  proposal,
  samplers,
  schedulers,
)


def test_a_space_of_one_point_has_one_trial(tmp_path):
  problem = toy_search.problem()
  one = dataclasses.replace(problem, space=space.Space({'model': 1}))
  leader = led.lead(tmp_path / 'trials.jsonl', 'random', one)
  leader.prepare()
  trial = leader.next()
  assert trial.arch == {}
  leader.done(trial.id, {'accuracy': 0.5})
  assert leader.next() is None
  assert leader.exhausted


@pytest.mark.parametrize('concurrency', [1, 4])
@pytest.mark.parametrize('sampler', samplers.names())
def test_trials_do_not_depend_on_the_order_of_finishing(
  tmp_path, sampler, concurrency
):
  if sampler == 'optuna':
    pytest.importorskip('optuna')
  problem = mixed_search.problem(mixed_search.cells())
  seen = []
  for run in range(3):
    leader = led.lead(
      tmp_path / str(run), sampler, problem, concurrency=concurrency
    )
    rng, accuracy = np.random.default_rng(run), mixed_search.accuracy
    most = led.shuffled(leader, concurrency, rng, accuracy=accuracy)
    assert most == concurrency
    seen.append(leader.journal.trials)
    assert [t.id for t in leader.journal.trials] == list(range(14))
  assert all(trials == seen[0] for trials in seen)
  # It knows what is running, though not what becomes of it.
  assert len({plain.key(t.arch) for t in seen[0]}) == 14


def test_trials_depend_on_concurrency_and_seed(tmp_path):
  seen = []
  for i, (c, seed) in enumerate([(1, 0), (4, 0), (1, 1)]):
    leader = led.lead(tmp_path / str(i), concurrency=c, seed=seed)
    led.shuffled(leader, c, np.random.default_rng(0))
    seen.append([t.arch for t in leader.journal.trials])
  assert seen[0] != seen[1]
  assert seen[0] != seen[2]


@pytest.mark.parametrize('concurrency', [1, 3])
@pytest.mark.parametrize('stop_after', [1, 4, 9, 14])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(
  tmp_path, concurrency, stop_after
):
  whole = led.lead(tmp_path / 'whole', concurrency=concurrency)
  led.shuffled(whole, concurrency, np.random.default_rng(0))
  first = led.lead(tmp_path / 'cut', concurrency=concurrency)
  led.shuffled(first, concurrency, np.random.default_rng(1), stop_after)
  kept = [t for t in first.journal.trials if t.finished]
  second = led.lead(tmp_path / 'cut', concurrency=concurrency)
  led.shuffled(second, concurrency, np.random.default_rng(2))
  assert second.journal.trials == whole.journal.trials
  lines = (tmp_path / 'cut').read_text().splitlines()
  assert sum('"proposed"' in line for line in lines) == 14
  assert [second.journal.trials[t.id] for t in kept] == kept


def test_a_proposal_sees_exactly_what_the_rule_says(tmp_path):
  seen = {}

  def propose(space, problem, trials, rng):
    assert [t.id for t in trials] == list(range(len(trials)))
    seen[len(trials)] = [t.id for t in trials if t.finished]
    for trial in trials:
      assert trial.finished or not (trial.metrics or trial.reports)
    return space.sample(rng)

  book = journal.Journal(tmp_path / 'j')
  leader = conductor.Conductor(
    toy_search.problem(), propose, book, trials=8, concurrency=3
  )
  led.shuffled(leader, 3, np.random.default_rng(0))
  assert seen == {i: list(range(max(0, i - 2))) for i in range(8)}


def test_a_slow_trial_holds_back_only_what_must_see_it(tmp_path):
  leader = led.lead(tmp_path / 'j', concurrency=2)
  assert [leader.next().id, leader.next().id] == [0, 1]
  assert leader.next() is None
  leader.done(1, {'accuracy': 0.5})
  assert leader.next() is None  # trial 2 has to see trial 0
  assert not leader.exhausted
  leader.done(0, {'accuracy': 0.5})
  assert [leader.next().id, leader.next().id] == [2, 3]


def test_asynchronous_proposals_see_what_has_finished_in_that_order(tmp_path):
  seen, running = [], []

  def propose(space, problem, trials, rng):
    seen.append([t.id for t in trials if t.finished])
    running.append([t.id for t in trials if not t.finished])
    return space.sample(rng)

  book = journal.Journal(tmp_path / 'j')
  leader = conductor.Conductor(
    toy_search.problem(),
    propose,
    book,
    trials=5,
    concurrency=2,
    asynchronous=True,
  )
  leader.next(), leader.next()
  assert leader.next() is None
  leader.done(1, {'accuracy': 0.5})
  assert leader.next().id == 2
  leader.failed(2, 'x')
  assert leader.next().id == 3
  leader.done(0, {'accuracy': 0.5})
  assert leader.next().id == 4
  assert seen == [[], [], [1], [1, 2], [1, 2, 0]]
  assert running == [[], [0], [0], [0], [3]]
  assert leader.exhausted
  again = journal.Journal(tmp_path / 'j')
  assert again.finished == [1, 2, 0]


def test_the_first_trial_drawn_early_is_the_same_and_not_yet_written(tmp_path):
  leader, other = led.lead(tmp_path / '1'), led.lead(tmp_path / '2')
  leader.prepare()
  assert leader.journal.trials == []
  for i in range(2):
    assert leader.next().arch == other.next().arch
    leader.failed(i, 'x')
    other.failed(i, 'x')


def test_the_sources_of_a_footprint_reach_the_journal(tmp_path):
  def sources(arch):
    return {'params': f'measured, {arch["model.stage.0"]}'}

  problem = toy_search.problem()
  object.__setattr__(problem, 'sources', sources)
  leader = led.lead(tmp_path / 'j', problem=problem, trials=3)
  led.shuffled(leader, 1, np.random.default_rng(0))
  trials = journal.read(tmp_path / 'j')
  assert [t.sources for t in trials] == [sources(t.arch) for t in trials]
  assert len({t.sources['params'] for t in trials}) > 1


def test_what_does_not_compile_is_a_failed_trial_without_sources(tmp_path):
  def footprint(arch):
    if arch['model.stage.0'] % 2:
      raise errors.UserError('libtpu crashed compiling for tpu_v5e (SIGSEGV)')
    return {'params': 1}

  problem = toy_search.problem((), ['accuracy'])
  object.__setattr__(problem, 'footprint', footprint)
  object.__setattr__(problem, 'sources', lambda arch: {'params': 'counted'})
  leader = led.lead(tmp_path / 'j', 'random', problem)
  led.shuffled(leader, 1, np.random.default_rng(0))
  for trial in leader.journal.trials:
    odd = trial.arch['model.stage.0'] % 2
    assert trial.sources == ({} if odd else {'params': 'counted'})
    assert trial.reason.startswith('footprint: UserError: libtpu') or not odd


def test_results_without_finite_objectives_are_failures(tmp_path):
  leader = led.lead(tmp_path / 'j')
  leader.next()
  trial = leader.done(0, {'accuracy': float('nan'), 'seconds': 3})
  assert (trial.status, trial.reason) == (
    'failed',
    'accuracy is not finite: nan',
  )


def waiting_for(wanted, seen):
  """A scheduler that wants to see so many results before each trial."""

  def decide(space, problem, trials, rng, propose):
    finished = [t.id for t in trials if t.finished]
    if len(finished) < wanted.get(len(trials), 0):
      return None
    seen[len(trials)] = finished
    return proposal.Proposal(propose())

  return schedulers.Scheduler(decide, None, True)


def test_a_scheduler_that_waits_sees_as_many_results_as_it_takes(tmp_path):
  wanted = {5: 5, 7: 6, 9: 9}
  for run in range(3):
    seen = {}
    leader = led.lead(
      tmp_path / str(run),
      'random',
      concurrency=3,
      scheduler=waiting_for(wanted, seen),
    )
    led.shuffled(leader, 3, np.random.default_rng(run))
    expected = {i: max(0, i - 2, wanted.get(i, 0)) for i in range(14)}
    assert seen == {i: list(range(n)) for i, n in expected.items()}


def test_a_scheduler_that_waits_for_nothing_is_an_error(tmp_path):
  leader = led.lead(tmp_path / 'j', 'random', scheduler=waiting_for({2: 3}, {}))
  with pytest.raises(RuntimeError, match='waits, but no trial runs'):
    led.shuffled(leader, 1, np.random.default_rng(0))


def test_budget_and_parent_reach_journal_and_worker(tmp_path):
  made = iter([(3, None), (9, 0)])

  def decide(space, problem, trials, rng, propose):
    epochs, parent = next(made)
    arch = propose() if parent is None else trials[parent].arch
    return proposal.Proposal(arch, epochs, parent)

  leader = led.lead(
    tmp_path / 'j',
    'random',
    trials=2,
    scheduler=schedulers.Scheduler(decide, None, True),
  )
  first = leader.next()
  assert leader.call(first) == {
    'arch': first.arch,
    'trial': 0,
    'budget': {'epochs': 3},
  }
  leader.done(0, {'accuracy': 0.5})
  second = leader.next()
  assert leader.call(second)['budget'] == {'epochs': 9, 'parent': 0}
  assert second.arch == first.arch
  assert second.footprint == first.footprint
  found = journal.read(tmp_path / 'j')
  assert [(t.epochs, t.parent) for t in found] == [(3, None), (9, 0)]


def test_who_lost_a_worker_is_tried_again_so_often(tmp_path):
  """At the end of a search too, and not again after a resume."""
  leader = led.lead(tmp_path / 'j', 'random', trials=3, retries=2)
  for number in range(3):
    assert leader.next().id == number
    if number < 2:
      leader.done(number, {'accuracy': 0.5})
  gone = {'event': 'lost', 'reason': 'worker died', 'traceback': ''}
  assert not leader.exhausted  # it may have to be handed out again
  assert leader.next() is None
  assert leader.take(2, gone).status == 'proposed'
  assert leader.running == 0
  assert leader.next().id == 2
  leader.report(2, 1, {'accuracy': 0.1})
  leader.journal.close()

  leader = led.lead(tmp_path / 'j', 'random', trials=3, retries=2)
  assert leader.next().retries == 1
  assert leader.take(2, gone).retries == 2
  assert leader.next().id == 2
  last = leader.take(2, gone)
  assert (last.status, last.reason) == ('failed', 'worker died (tried 3 times)')
  assert leader.exhausted
  assert leader.next() is None


def test_without_retries_it_fails_at_once(tmp_path):
  leader = led.lead(tmp_path / 'j', 'random', trials=1)
  leader.next()
  assert leader.exhausted
  gone = {'event': 'lost', 'reason': 'worker died', 'traceback': ''}
  assert leader.take(0, gone).reason == 'worker died'
