"""Tune's schedulers, told of a search; without a cluster but for one test."""

import budget_search
import numpy as np
import pytest
import toy_search

from effnas import errors, search
from effnas.search import trial as trial_lib
from effnas.search.engines.ray import tune_schedulers


class Runs:
  """Stands for Tune's trial."""

  def __init__(self, number):
    self.trial_id = str(number)


def load(name='asha', args=None, objectives=('accuracy',), epochs=9):
  return tune_schedulers.load(name, args or {}, objectives, epochs)


def play(stopping, curves, name=''):
  """Reports epoch by epoch, trial by trial; returns who was stopped when."""
  controller, found = tune_schedulers._Nobody(), {}
  runs = [Runs(f'{name}{i}') for i in range(len(curves))]
  for number, one in enumerate(runs):
    stopping.add(controller, one, trial_lib.Trial(number, {}))
    for epoch, value in enumerate(curves[number], 1):
      if stopping.report(controller, one, epoch, {'accuracy': value}):
        found[number] = epoch
        break
    stopping.end(controller, one)
  return found


def test_asha_stops_the_worse_ones_at_its_rungs():
  args = {'grace_period': 1, 'reduction_factor': 3}
  curves = [np.full(9, v) for v in (0.9, 0.8, 0.1, 0.2, 0.95)]
  stopped = play(load(args=args), curves)
  # The first at a rung is the best of all so far; a worse one goes.
  assert stopped == {1: 1, 2: 1, 3: 1}


def test_down_is_better_where_it_is():
  args = {'grace_period': 1, 'metric': 'loss'}
  stopping = load(args=args, objectives=('loss', 'params'))
  controller = tune_schedulers._Nobody()
  said = []
  for number, value in enumerate((0.5, 0.1, 0.9)):
    one = Runs(number)
    stopping.add(controller, one, trial_lib.Trial(number, {}))
    said.append(stopping.report(controller, one, 1, {'loss': value}))
  assert said[:2] == ['', '']
  assert said[2] == 'Tune scheduler asha: loss 0.9 at epoch 1'


def test_told_again_it_is_as_it_was():
  """What a resumed search has: the journal's trials, in order of finishing."""
  rng = np.random.default_rng(0)
  curves = np.sort(rng.random((30, 9)), axis=1)
  whole = load(args={'grace_period': 1})
  told = play(whole, curves[:20])
  again = load(args={'grace_period': 1})
  trials = []
  for number in range(20):
    last = told.get(number, 9)
    reports = {
      epoch: {'accuracy': curves[number][epoch - 1]}
      for epoch in range(1, last + 1)
    }
    status = 'stopped' if number in told else 'done'
    trials.append(trial_lib.Trial(number, {}, status=status, reports=reports))
  again.replay(trials)
  assert 5 < len(told) < 20
  assert play(again, curves[20:], 'b') == play(whole, curves[20:], 'b')


def test_nothing_is_stopped_at_the_last_epoch():
  curves = [np.linspace(0, 1, 9), np.linspace(0, 0.1, 9)]
  assert play(load(args={'grace_period': 9}), curves) == {}


@pytest.mark.parametrize(
  ('given', 'said'),
  [
    ({'name': 'ash'}, "unknown scheduler of Ray Tune 'ash'; did you mean"),
    ({'name': 'pbt'}, 'take search.scheduler=pbt'),
    ({'name': 'hyperband'}, 'take search.scheduler=hyperband'),
    ({'objectives': ('accuracy', 'params')}, 'takes one objective, got acc'),
    ({'args': {'metric': 'params'}}, 'looks at what a training reports'),
    ({'args': {'grace': 1}}, 'unknown argument of tune_scheduler asha'),
    ({'args': {'mode': 'min'}}, "mode must be 'max' here, got 'min'"),
    ({'args': {'grace_period': 0}}, 'search.tune_scheduler asha: '),
    ({'epochs': None}, 'needs args.max_t'),
    ({'name': 'math:hypot'}, 'is no ray.tune.schedulers.TrialScheduler'),
  ],
)
def test_what_does_not_fit_is_one_line(given, said):
  with pytest.raises(errors.UserError) as caught:
    load(**given)
  assert said in str(caught.value)
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
  ('changes', 'said'),
  [
    ({'engine': 'inline'}, 'needs search.engine=ray'),
    ({'scheduler': 'asha'}, 'needs search.scheduler=none'),
    ({'batch': 2}, 'needs search.batch=1'),
  ],
)
def test_what_it_does_not_go_with_is_one_line(tmp_path, changes, said):
  config = toy_search.config(
    **{'engine': 'ray', 'tune_scheduler': 'asha', **changes}
  )
  with pytest.raises(errors.UserError, match=said):
    search.run(
      config,
      tmp_path / 'a',
      evaluate='toy_search:evaluate',
      problem=toy_search.problem(),
    )
  assert not (tmp_path / 'a').exists()


@pytest.mark.slow
def test_a_search_by_tunes_searcher_and_scheduler(tmp_path):
  config = budget_search.config('none', trials=16)
  config['search'] |= {
    'engine': 'ray',
    'concurrency': 2,
    'tune_searcher': 'random',
    'tune_scheduler': {'name': 'asha', 'grace_period': 1},
    'objectives': ['accuracy'],
  }
  found = budget_search.run(tmp_path, config | {'train': {'epochs': 5}})
  kinds = [trial.status for trial in found]
  assert len(found) == 16
  assert 'failed' not in kinds
  assert kinds.count('stopped') >= 4
  assert kinds.count('done') >= 2
  for trial in found:
    if trial.status == 'stopped':
      assert trial.reason.startswith('Tune scheduler asha: accuracy ')
      assert max(trial.reports) < 5
    else:
      assert max(trial.reports) == 5
  best = max(found, key=lambda t: t.metrics.get('accuracy', 0))
  assert best.status == 'done'
