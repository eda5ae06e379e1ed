"""The Ray engine: Ray Tune runs the trials, in parallel.

Tune asks a searcher for the next trial, and the searcher asks the conductor.
Workers are kept from trial to trial (a process start and JAX's import cost
seconds), and share the compile cache. Nothing here initialises JAX.
"""

from collections.abc import Callable, Mapping
import json
import os
import pathlib
from typing import Any

from ray import tune
from ray.tune import schedulers, search

from effnas.search import conductor as conductor_lib
from effnas.search.engines.ray import cluster
from effnas.search.running import bridge as bridge_lib
from effnas.search.running import evaluation


def run(
  conductor: conductor_lib.Conductor,
  evaluate: str,
  task: Mapping[str, Any],
  concurrency: int,
  on_change: Callable[[], None],
) -> None:
  """Runs all trials; see `engines.load`.

  Joins the cluster that RAY_ADDRESS names, else starts Ray on this machine.

  Args:
    conductor: Hands out the trials.
    evaluate: Dotted name of what evaluates one, importable on the workers.
    task: What all trials share.
    concurrency: How many trials run at once.
    on_change: Called after each change of a trial.

  Raises:
    UserError: The machine cannot run so many trials at once.
  """
  with cluster.started(concurrency) as folder:
    resources, environment = cluster.shares(concurrency)
    bridge = bridge_lib.Bridge(
      conductor,
      on_change,
      evaluate=evaluate,
      task=task,
      environment=environment,
    )
    tuner = tune.Tuner(
      tune.with_resources(_trial, resources),
      tune_config=tune.TuneConfig(
        search_alg=_Searcher(bridge),
        scheduler=_KeepWorkers(concurrency),
        num_samples=-1,  # until the searcher is finished
        reuse_actors=True,
        trial_dirname_creator=lambda trial: trial.trial_id,
      ),
      run_config=tune.RunConfig(
        storage_path=str(folder),
        name='trials',
        callbacks=[_Callback(bridge)],
        verbose=0,
      ),
    )
    try:
      tuner.fit()
    except Exception as e:
      raise (bridge.error or e) from None
  if bridge.error:
    raise bridge.error
  if bridge.running or not bridge.finished:
    raise RuntimeError('Ray Tune ended before the search; run it again')


def _trial(config: Mapping[str, Any]) -> dict[str, str]:
  """Evaluates one trial, on a worker."""
  call = json.loads(config['call'])
  os.environ.update(call.pop('environment'))
  return _packed(evaluation.run(**call, send=lambda m: tune.report(_packed(m))))


def _packed(message: Mapping[str, Any]) -> dict[str, str]:
  # A text passes through Tune untouched; it would flatten a dict.
  return {'message': json.dumps(message)}


class _Searcher(search.Searcher):
  """Tune's way of asking for the next trial."""

  def __init__(self, bridge: bridge_lib.Bridge):
    super().__init__()
    self._bridge = bridge

  def suggest(self, trial_id: str) -> Any:
    call = self._bridge.next(trial_id)
    if call is not None:
      return {'call': call}
    return self.FINISHED if self._bridge.finished else None

  def on_trial_complete(self, *args: Any, **kwargs: Any) -> None:
    """What became of it comes through `_Callback`."""

  def save(self, checkpoint_path: str) -> None:
    """The journal is the state."""

  def restore(self, checkpoint_path: str) -> None:
    """The journal is the state."""


class _Callback(tune.Callback):
  """Tune's way of telling what became of a trial."""

  def __init__(self, bridge: bridge_lib.Bridge):
    self._bridge = bridge

  def on_trial_result(
    self,
    iteration: int,
    trials: list[Any],
    trial: Any,
    result: Mapping[str, Any],
    **info: Any,
  ) -> None:
    self._bridge.take(trial.trial_id, json.loads(result['message']))

  def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
    """Looks for trials that ended without a word: their worker is gone."""
    for trial in trials:
      if trial.trial_id in self._bridge.running and trial.is_finished():
        message = {'event': 'failed', 'reason': _cause(trial), 'traceback': ''}
        self._bridge.take(trial.trial_id, message)


class _KeepWorkers(schedulers.FIFOScheduler):
  """First in, first out, and no worker is stopped before the end.

  By itself Tune keeps one idle worker. But trials that wait for an older one
  leave more of them idle, and a new one has to start and to compile anew.
  """

  def __init__(self, workers: int):
    super().__init__()
    self._workers = workers

  def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
    super().on_trial_add(tune_controller, trial)
    # Not a public name: without it the search is slower, and as good.
    cache = getattr(tune_controller, '_actor_cache', None)
    if cache is not None and self._workers:
      cache.increase_max(trial.placement_group_factory, self._workers)
      self._workers = 0


def _cause(trial: Any) -> str:
  """Returns in one line why a worker is gone."""
  file = pathlib.Path(trial.error_file or '')
  text = file.read_text(encoding='utf-8') if file.is_file() else ''
  if 'OutOfMemory' in text or 'low on memory' in text:
    return 'out of memory: Ray stopped the worker before the machine ran out'
  if 'actor died' in text or 'has died' in text:
    return (
      'worker died: it crashed, or was killed (by hand, or by the system for '
      'want of memory)'
    )
  lines = [line.strip() for line in text.splitlines()[1:] if line.strip()]
  return f'worker failed: {lines[-1][:300] if lines else "no reason known"}'
