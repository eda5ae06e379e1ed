"""Learning curves: what they tell, and whose training they end."""

import budget_search
import numpy as np
import pytest
import scheduled

from effnas import errors
from effnas.search import trial as trial_lib
from effnas.search.running import stopping
from effnas.search.schedulers import learning_curve
from effnas.search.scheduling import curves

_EPOCHS = np.arange(1, 21)
_SHAPES = {
  'power': [(0.3,), (1.1,)],
  'exponential': [(0.05,), (0.6,)],
  'log_power': [(2.0, 0.8), (6.0, 2.5)],
}


def _trial(number, values, status='done', params=100):
  reports = {e: {'accuracy': v} for e, v in enumerate(values, 1)}
  return trial_lib.Trial(
    number, {}, {'params': params}, status, {}, '', reports
  )


def _rising(final, rate=0.1, count=50):
  epochs = np.arange(1, count + 1)
  return final - 0.6 * np.exp(-rate * epochs)


def _stopped_at(watch, values, name='accuracy'):
  for epoch, value in enumerate(values, 1):
    if watch.worse(epoch, {name: float(value)}):
      return epoch
  return None


def _watch(final, **more):
  curve = {'final': final, 'last': 50, 'spreads': 2, 'grace': 4, **more}
  return stopping.Watch({'metric': 'accuracy', 'bounds': [], 'curve': curve})


@pytest.mark.parametrize('name', curves.FAMILIES)
@pytest.mark.parametrize('slope', [-0.6, 2.0])  # rising, and falling as losses
def test_curves_without_noise_are_recovered(name, slope):
  for parameters in _SHAPES[name]:

    def true(epoch, parameters=parameters):
      form = curves.FAMILIES[name].form(np.asarray(epoch, float), parameters)
      return 0.9 + slope * form

    found = curves.fit(name, _EPOCHS, true(_EPOCHS))
    assert found.parameters == pytest.approx(parameters, rel=1e-4)
    assert found.asymptote == pytest.approx(0.9, abs=1e-4)
    assert found.at(100) == pytest.approx(float(true(100)), abs=1e-5)
    told, spread = curves.extrapolate(_EPOCHS, true(_EPOCHS), 50)
    assert abs(told - true(50)) < 0.03 * abs(slope)
    assert 0 < spread < 0.1 * abs(slope)


def test_spread_is_what_it_says_and_falls_with_what_is_known():
  rng = np.random.default_rng(0)
  spreads, off = {4: [], 20: []}, []
  for _ in range(40):
    final, rate = rng.uniform(0.6, 0.95), rng.uniform(0.05, 0.4)
    values = _rising(final, rate) + rng.normal(0, 0.005, 50)
    for count, found in spreads.items():
      told, spread = curves.extrapolate(
        np.arange(1, count + 1), values[:count], 50, (0, 1)
      )
      found.append(spread)
      off.append(abs(values[-1] - told) / spread)
  assert np.median(spreads[20]) < 0.5 * np.median(spreads[4])
  assert np.mean(np.array(off) < 2) > 0.85


def test_who_cannot_win_is_stopped_and_who_wins_is_not():
  for rate in (0.05, 0.1, 0.3):
    assert _stopped_at(_watch(0.8), _rising(0.9, rate)) is None
    assert 4 <= _stopped_at(_watch(0.8), _rising(0.65, rate)) < 30
  # A late starter looks bad at first.
  assert _stopped_at(_watch(0.8), np.linspace(0.1, 0.9, 50)) is None
  assert _stopped_at(_watch(None), _rising(0.1)) is None
  assert _stopped_at(_watch(0.8, grace=12), _rising(0.2)) >= 12


def test_losses_are_minimised():
  def watch(final):
    curve = {'final': final, 'last': 50, 'spreads': 2, 'grace': 4}
    return stopping.Watch({'metric': 'loss', 'bounds': [], 'curve': curve})

  falling = 0.5 + 2 * np.exp(-0.15 * np.arange(1, 51))
  assert _stopped_at(watch(0.6), falling, 'loss') is None
  assert 4 <= _stopped_at(watch(0.3), falling, 'loss') < 45


def test_what_diverged_is_stopped():
  values = _rising(0.9)
  values[9:] = np.nan
  assert _stopped_at(_watch(0.8), values) == 10
  assert 'is nan' in _watch(0.8).worse(5, {'accuracy': float('nan')})
  values = _rising(0.9)
  values[1] = np.nan  # before the grace: forgotten
  assert _stopped_at(_watch(0.8), values) is None


def test_a_training_that_was_cut_off_is_judged_as_a_whole():
  values = _rising(0.65).tolist()
  whole = _stopped_at(_watch(0.8), values)
  seen = [[e, v] for e, v in enumerate(values[: whole - 2], 1)]
  watch = _watch(0.8, seen=seen)
  assert watch.worse(whole - 1, {'accuracy': values[whole - 2]}) == ''
  assert watch.worse(whole, {'accuracy': values[whole - 1]})


def test_bounds_by_hand():
  problem = budget_search.problem()
  trials = [
    _trial(0, [0.2, 0.7, 0.6]),  # the final value counts, not the best
    _trial(1, [0.3, 0.5, 0.65], params=50),
    _trial(2, [0.9, 0.9, 0.9], 'failed'),
    _trial(3, [0.9, 0.9], 'stopped'),
    _trial(4, [0.4, 0.4, float('nan')]),
  ]
  now = _trial(5, [0.25, None], 'proposed', params=60)
  found = learning_curve.bounds(problem, trials, now)['curve']
  assert (found['final'], found['last']) == (0.65, 3)
  assert found['seen'][0] == (1, 0.25)
  few = learning_curve.bounds(problem, trials[:2], now)['curve']
  assert few['final'] is None
  both = budget_search.problem(['accuracy', 'params'])
  with pytest.raises(errors.UserError, match='takes one objective'):
    learning_curve.bounds(both, trials, now)
  trials[1] = _trial(1, [0.3, 0.5, 0.65], params=70)
  dear = _trial(6, [], 'proposed', params=70)
  for trial, final in ((now, None), (dear, 0.65)):
    told = learning_curve.bounds(both, trials, trial, metric='accuracy')
    assert told['curve']['final'] == final


def test_trials_that_report_nothing_are_told_of(tmp_path):
  leader = scheduled.lead(tmp_path / 'j', 'learning_curve', args={})
  for _ in range(3):
    trial = leader.next()
    leader.call(trial)
    leader.done(trial.id, {'accuracy': 0.5})
  with pytest.raises(errors.UserError, match=r'set train\.eval_every to 1'):
    leader.call(leader.next())


@pytest.mark.parametrize('concurrency', [1, 3])
def test_a_search_stops_the_hopeless_and_is_the_same_again(
  tmp_path, concurrency
):
  config = budget_search.config('learning_curve', concurrency=concurrency)
  runs = [budget_search.run(tmp_path / str(i), config) for i in range(2)]
  essences = [budget_search.essence(trials) for trials in runs]
  assert essences[0] == essences[1]
  stopped = [t for t in runs[0] if t.status == 'stopped']
  assert 3 <= len(stopped) < 35
  for trial in stopped:
    assert 'is to be expected at epoch 5' in trial.reason
    skills = list(budget_search.trained(trial.arch, 0.0, 5))
    final = budget_search.accuracy(trial.arch, skills[-1])
    seen = runs[0][: max(0, trial.id - concurrency + 1)]
    done = [t.metrics['accuracy'] for t in seen if t.status == 'done']
    assert final < max(done) + 0.02
