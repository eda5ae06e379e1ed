"""Ray Tune's ways of asking for trials and of telling what became of them."""

from collections.abc import Mapping
import json
import pathlib
from typing import Any

from ray import tune
from ray.tune import schedulers, search

from effnas import errors
from effnas.search.engines.ray import tune_schedulers
from effnas.search.running import bridge as bridge_lib
from effnas.search.running import limits as limits_lib


def packed(message: Mapping[str, Any]) -> dict[str, str]:
  """Returns a message in a form that passes through Tune untouched.

  Args:
    message: JSON values; as a dict, Tune would flatten them.
  """
  return {'message': json.dumps(message)}


def _unpacked(result: Mapping[str, Any]) -> dict[str, Any]:
  message: dict[str, Any] = json.loads(result['message'])
  return message


def words(workdir: str) -> pathlib.Path:
  """Returns the folder of the jobs' last words, by Tune's names of them.

  Args:
    workdir: The search's.
  """
  return pathlib.Path(workdir) / 'last_words'


class Searcher(search.Searcher):
  """Tune's way of asking for the next job."""

  def __init__(self, bridge: bridge_lib.Bridge):
    """Asks a bridge."""
    super().__init__()
    self._bridge = bridge

  def suggest(self, trial_id: str) -> Any:
    """Returns a job, that nothing is left, or None: ask again later."""
    job = self._bridge.next(trial_id)
    if job is not None:
      return {'job': job}
    return self.FINISHED if self._bridge.finished else None

  def on_trial_complete(self, *args: Any, **kwargs: Any) -> None:
    """What became of it comes through `Callback`."""

  def save(self, checkpoint_path: str) -> None:
    """The journal is the state."""

  def restore(self, checkpoint_path: str) -> None:
    """The journal is the state."""


class Callback(tune.Callback):
  """Tune's way of telling what became of a job."""

  def __init__(
    self,
    bridge: bridge_lib.Bridge,
    limits: limits_lib.Limits,
    workdir: str,
    stopping: tune_schedulers.Stopping | None,
  ):
    """Tells a bridge."""
    self._bridge = bridge
    self._limits = limits
    self._workdir = workdir
    self._stopping = stopping

  def on_trial_result(
    self,
    iteration: int,
    trials: list[Any],
    trial: Any,
    result: Mapping[str, Any],
    **info: Any,
  ) -> None:
    """Takes a message."""
    name = trial.trial_id
    if name not in self._bridge.running:
      return
    message = _unpacked(result)
    if self._stopping is not None and message['event'] == 'done':
      self._stopping.check(name)
    self._bridge.take(name, message)
    why = self._stopping.why(name) if self._stopping is not None else ''
    if why and name in self._bridge.running:
      stopped = {'event': 'stopped', 'reason': why}
      self._bridge.take(name, {**stopped, 'trial': message['trial']})

  def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
    """Looks for jobs that ended without a word: their worker is gone."""
    for trial in trials:
      name = trial.trial_id
      if name in self._bridge.running and trial.is_finished():
        reason, where = limits_lib.last_words(
          self._limits, words(self._workdir) / name
        )
        if not reason and (full := _of_the_machine(trial)):
          self._bridge.halt(name, full)
        self._bridge.lose(name, reason or _cause(trial), where)


class Scheduler(schedulers.FIFOScheduler):
  """First in, first out, and no worker is stopped before the end.

  By itself Tune keeps one idle worker. But trials that wait for an older one
  leave more of them idle, and a new one has to start and to compile anew.
  """

  def __init__(
    self,
    workers: int,
    bridge: bridge_lib.Bridge,
    stopping: tune_schedulers.Stopping | None,
  ):
    """Keeps workers, and asks another scheduler whether to stop trials."""
    super().__init__()
    self._workers = workers
    self._bridge = bridge
    self._stopping = stopping

  def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
    """Takes up a job."""
    super().on_trial_add(tune_controller, trial)
    # Not a public name: without it the search is slower, and as good.
    cache = getattr(tune_controller, '_actor_cache', None)
    if cache is not None and self._workers:
      cache.increase_max(trial.placement_group_factory, self._workers)
      self._workers = 0
    if self._stopping is not None:
      found = self._bridge.trial(trial.trial_id)
      self._stopping.add(tune_controller, trial, found)

  def on_trial_result(
    self, tune_controller: Any, trial: Any, result: dict[str, Any]
  ) -> str:
    """Says whether a job goes on."""
    message = _unpacked(result)
    if self._stopping is not None and message['event'] == 'reported':
      epoch, metrics = message['epoch'], message['metrics']
      if self._stopping.report(tune_controller, trial, epoch, metrics):
        return self.STOP
    return self.CONTINUE

  def on_trial_complete(
    self, tune_controller: Any, trial: Any, result: dict[str, Any]
  ) -> None:
    """Takes note of the end of a job."""
    lost = _unpacked(result)['event'] in ('failed', 'lost')
    self._end(tune_controller, trial, lost)

  def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
    """Takes note of a worker that is gone."""
    self._end(tune_controller, trial, True)

  def _end(self, tune_controller: Any, trial: Any, failed: bool) -> None:
    if self._stopping is not None:
      self._stopping.end(tune_controller, trial, failed=failed)


def _text(trial: Any) -> str:
  """Returns what Tune has of the end of a job."""
  file = pathlib.Path(trial.error_file or '')
  return file.read_text(encoding='utf-8') if file.is_file() else ''


def _of_the_machine(trial: Any) -> str:
  """Returns in one line what a worker lacked, '' if it is not that."""
  for line in _text(trial).splitlines():
    lacks = 'OutOfDisk' in line or errors.of_the_machine(OSError(line))
    if lacks and line.strip():
      return f'{line.strip()[:160]}; make room and repeat the command'
  return ''


def _cause(trial: Any) -> str:
  """Returns in one line why a worker is gone."""
  text = _text(trial)
  if 'OutOfMemory' in text or 'low on memory' in text:
    return 'out of memory: Ray stopped the worker before the machine ran out'
  if 'actor died' in text or 'has died' in text:
    return (
      'worker died: it crashed, or was killed (by hand, or by the system for '
      'want of memory)'
    )
  lines = [line.strip() for line in text.splitlines()[1:] if line.strip()]
  return f'worker failed: {lines[-1][:300] if lines else "no reason known"}'
