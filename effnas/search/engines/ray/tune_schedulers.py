"""The schedulers of Ray Tune by name: `search.tune_scheduler`.

They stop trials while these train, on what all have reported so far. So which
trials they stop depends on which is faster; `search.scheduler` does without
that. When a search is resumed, a scheduler is told again what the finished
trials have reported, one after the other in the order of their finishing, and
of a running one what it had reported. That is all that ASHA with one bracket
and median stopping keep.
"""

from collections.abc import Mapping, Sequence
import inspect
from typing import Any

from ray.tune import schedulers

from effnas import errors
from effnas.search import metrics
from effnas.search import trial as trial_lib
from effnas.search.running import evaluation
from effnas.search.scheduling import reported

_TIME = 'training_iteration'
_NAMES = {
  'asha': schedulers.AsyncHyperBandScheduler,
  'async_hyperband': schedulers.AsyncHyperBandScheduler,
  'asynchyperband': schedulers.AsyncHyperBandScheduler,
  'fifo': schedulers.FIFOScheduler,
  'median_stopping': schedulers.MedianStoppingRule,
  'median_stopping_rule': schedulers.MedianStoppingRule,
  'medianstopping': schedulers.MedianStoppingRule,
}
# Those that pause trials or change them, and ours in their place.
_OURS = {
  'hyperband': 'hyperband',
  'hb_bohb': 'bohb',
  'bohb': 'bohb',
  'pbt': 'pbt',
  'pbt_replay': 'pbt',
  'pb2': 'pbt',
  'resource_changing': 'none',
}


class Stopping:
  """A scheduler of Tune that is told of reports in the words of a search."""

  def __init__(self, scheduler: Any, name: str, metric: str, last: int | None):
    """Prepares to ask a scheduler.

    Args:
      scheduler: Knows metric and mode.
      name: Its name, for messages.
      metric: What it looks at.
      last: The last epoch of a training: from it on nothing is stopped, as
        only the measuring is left. None if that is not known.
    """
    self._scheduler = scheduler
    self._name = name
    self._metric = metric
    self._last = last
    self._seen: dict[str, dict[str, Any]] = {}  # the last result of a trial
    self._why: dict[str, str] = {}

  def replay(self, trials: Sequence[trial_lib.Trial]) -> None:
    """Tells of finished trials, in the order of their finishing."""
    for trial in trials:
      past = _Past(f'earlier-{trial.id}')
      self.add(_Nobody(), past, trial)
      self.end(_Nobody(), past, failed=trial.status == 'failed')

  def add(self, controller: Any, runs: Any, trial: trial_lib.Trial) -> None:
    """Tells of a trial that begins, and what it has reported before.

    Args:
      controller: Tune's.
      runs: Tune's trial.
      trial: The trial.
    """
    self._scheduler.on_trial_add(controller, runs)
    for epoch, found in sorted(trial.reports.items()):
      self.report(controller, runs, epoch, found)

  def report(
    self, controller: Any, runs: Any, epoch: int, found: Mapping[str, Any]
  ) -> str:
    """Takes a report; returns why the trial is to be stopped, '' if not."""
    key = runs.trial_id
    known = self._seen.get(key, {}).get(_TIME, 0)
    if epoch > known and found.get(self._metric) is not None:
      result = {**found, _TIME: epoch}
      self._seen[key] = result
      said = self._scheduler.on_trial_result(controller, runs, dict(result))
      within = self._last is None or epoch < self._last
      if said == schedulers.TrialScheduler.STOP and within:
        self._why[key] = (
          f'Tune scheduler {self._name}: {self._metric} '
          f'{found[self._metric]:g} at epoch {epoch}'
        )
    return self._why.get(key, '')

  def why(self, key: str) -> str:
    """Returns why a trial is to be stopped, '' if it is not."""
    return self._why.get(key, '')

  def check(self, key: str) -> None:
    """Raises a UserError where a trial is done and has reported nothing."""
    if key not in self._seen:
      raise reported.missing(f'tune_scheduler {self._name}', self._metric)

  def end(self, controller: Any, runs: Any, failed: bool = False) -> None:
    """Tells that a trial is over."""
    result = self._seen.get(runs.trial_id)
    if failed:
      self._scheduler.on_trial_error(controller, runs)
    elif result is not None:
      self._scheduler.on_trial_complete(controller, runs, dict(result))


class _Past:
  """Stands for a trial of an earlier run."""

  def __init__(self, trial_id: str):
    self.trial_id = trial_id


class _Nobody:
  """Stands for Tune's controller, where nothing runs."""

  def get_live_trials(self) -> list[Any]:
    return []


def load(
  name: str,
  args: Mapping[str, Any],
  objectives: Sequence[str],
  epochs: int | None,
) -> Stopping:
  """Returns a scheduler of Tune that stops trials.

  Args:
    name: Tune's own name, or 'module:Class' of a `TrialScheduler`.
    args: Keyword arguments of its class. 'metric' is needed with several
      objectives; `max_t` is the epochs of a training by default.
    objectives: The search's.
    epochs: The epochs of a training, None if the config has no number.

  Raises:
    UserError: There is no such scheduler, it would pause or change trials, or
      it does not take the arguments.
  """
  made = _class(name)
  metric = args.get('metric', objectives[0])
  if 'metric' not in args and len(objectives) > 1:
    raise errors.UserError(
      f'search.tune_scheduler {name} takes one objective, got '
      f'{", ".join(objectives)}; say which one to look at with '
      f'args.metric={objectives[0]!r}'
    )
  parsed = metrics.parse(metric)
  if parsed.footprint or parsed.test:
    raise errors.UserError(
      f'search.tune_scheduler {name} looks at what a training reports; '
      f'{metric} is not; set args.metric, e.g. accuracy'
    )
  fixed = {
    'time_attr': _TIME,
    'metric': metric,
    'mode': 'max' if parsed.maximize else 'min',
    'hard_stop': True,  # nothing is paused here
  }
  known = inspect.signature(made).parameters
  for key, value in args.items():
    if key not in known:
      raise errors.unknown(f'argument of tune_scheduler {name}', key, known)
    if key in fixed and value != fixed[key]:
      raise errors.UserError(
        f'search.tune_scheduler {name}: {key} must be {fixed[key]!r} here, '
        f'got {value!r}; leave it out'
      )
  if 'max_t' in known and 'max_t' not in args and epochs is None:
    raise errors.UserError(
      f'search.tune_scheduler {name} needs args.max_t, how many epochs a '
      'training has, where the config has no number train.epochs'
    )
  defaults = {'max_t': epochs, 'stop_last_trials': False}
  if made is schedulers.MedianStoppingRule:
    defaults['grace_period'] = 1
  given = {k: v for k, v in {**defaults, **fixed}.items() if k in known}
  try:
    scheduler = made(**{**given, **args})
  except (AssertionError, TypeError, ValueError) as e:
    raise errors.UserError(
      f'search.tune_scheduler {name}: {evaluation.describe(e)}'
    ) from None
  return Stopping(scheduler, name, metric, epochs)


def _class(name: str) -> Any:
  if name in _OURS:
    raise errors.UserError(
      f'search.tune_scheduler {name} pauses or changes trials, which these '
      f'cannot; take search.scheduler={_OURS[name]}'
    )
  if ':' not in name:
    if name not in _NAMES:
      raise errors.unknown('scheduler of Ray Tune', name, _NAMES)
    return _NAMES[name]
  found = evaluation.resolve(name)
  if not (
    inspect.isclass(found) and issubclass(found, schedulers.TrialScheduler)
  ):
    raise errors.UserError(
      f'search.tune_scheduler {name} is no ray.tune.schedulers.TrialScheduler'
    )
  return found
