"""Median stopping: who stops, and what is known of it."""

import budget_search
import pytest
import scheduled

from effnas import errors
from effnas.search import trial as trial_lib
from effnas.search.schedulers import median_stopping


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
  leader = scheduled.lead(tmp_path / 'j', 'median_stopping')
  for _ in range(3):
    trial = leader.next()
    assert leader.call(trial)['bounds']['bounds'] == []
    leader.done(trial.id, {'accuracy': 0.5})
  trial = leader.next()
  with pytest.raises(errors.UserError, match=r'set train\.eval_every to 1'):
    leader.call(trial)
