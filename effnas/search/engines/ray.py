"""The Ray engine: Ray Tune runs the trials, in parallel.

Tune asks a searcher for the next trial, and the searcher asks the conductor.
Workers are kept from trial to trial (a process start and JAX's import cost
seconds), and share the compile cache. Nothing here initialises JAX.
"""

from collections.abc import Callable, Iterator, Mapping
import contextlib
import glob
import json
import logging
import math
import os
import pathlib
import sys
from typing import Any
import warnings

import ray
from ray import tune
from ray.tune import schedulers, search

from effnas import errors
from effnas.search import conductor as conductor_lib
from effnas.search.running import bridge as bridge_lib
from effnas.search.running import compile_cache, evaluation, scratch

# What Ray and Tune read from the environment.
_QUIET = {
  'RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO': '0',
  'RAY_AIR_NEW_OUTPUT': '0',
  'RAY_CHDIR_TO_TRIAL_DIR': '0',  # relative paths mean what they say
  'RAY_USAGE_STATS_ENABLED': '0',
  'TUNE_DISABLE_AUTO_CALLBACK_LOGGERS': '1',
  'TUNE_DISABLE_SIGINT_HANDLER': '1',  # Ctrl-C ends the search at once
  'TUNE_GLOBAL_CHECKPOINT_S': '1000000',  # the journal is what counts
  'TUNE_PRINT_ALL_TRIAL_ERRORS': '0',
  'TUNE_WARN_THRESHOLD_S': '60',
}
_GPU_SHARE = 0.9  # of a GPU's memory, divided among its trials


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
  with _started(concurrency) as folder:
    resources, environment = _shares(concurrency)
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


def _shares(concurrency: int) -> tuple[dict[str, float], dict[str, str]]:
  """Returns the resources and the environment of one trial."""
  total = ray.cluster_resources()
  largest = max(node['Resources'].get('CPU', 0) for node in ray.nodes())
  cpus = min(total['CPU'] / concurrency, largest)
  # Ray takes whole numbers above 1, and four decimals below.
  share = math.floor(cpus) if cpus >= 1 else math.floor(cpus * 1e4) / 1e4
  resources, environment = {'cpu': float(share)}, {}
  if total.get('TPU'):
    if concurrency > total['TPU']:
      raise errors.UserError(
        f'search.concurrency {concurrency} is more than the '
        f'{total["TPU"]:g} TPU chips here, and a chip serves one trial'
      )
    resources['TPU'] = 1
  elif total.get('GPU'):
    together = math.ceil(concurrency / total['GPU'])  # on one GPU
    resources['gpu'] = 1 / together
    share = _GPU_SHARE / together
    environment['XLA_PYTHON_CLIENT_MEM_FRACTION'] = f'{share:.3}'
  return resources, environment


def _python_path() -> str:
  """Returns where workers find what this process can import, beside Python."""
  own = (sys.prefix, sys.base_prefix)
  found = (os.path.abspath(p) for p in sys.path)  # '' is where we are
  return os.pathsep.join(p for p in found if not p.startswith(own))


@contextlib.contextmanager
def _started(concurrency: int) -> Iterator[pathlib.Path]:
  """Starts a silent Ray; stops it and removes its files at the end."""
  if ray.is_initialized():
    raise errors.UserError(
      'Ray runs in this process already; call ray.shutdown() first'
    )
  variables = {
    **compile_cache.environment(),
    'PYTHONPATH': _python_path(),
    'RAY_CHDIR_TO_TRIAL_DIR': '0',
    'TF_CPP_MIN_LOG_LEVEL': '3',
    'TUNE_FUNCTION_THREAD_TIMEOUT_S': '60',  # a trial's thread may end slowly
  }
  if not any(glob.glob(f'/dev/{name}') for name in ('accel*', 'vfio/[0-9]*')):
    variables['TPU_SKIP_MDS_QUERY'] = '1'  # no TPU here: do not ask for it
  pending = {'TUNE_MAX_PENDING_TRIALS_PG': str(concurrency)}
  with (
    scratch.folder('effnas-ray') as folder,
    scratch.environment({**_QUIET, **pending}),
    warnings.catch_warnings(),
    contextlib.redirect_stdout(sys.stderr),  # Ray reports dead workers there
  ):
    warnings.simplefilter('ignore')
    here: dict[str, Any] = {
      'address': 'local',
      'include_dashboard': False,
      '_temp_dir': str(folder),
    }
    try:
      ray.init(
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        runtime_env={'env_vars': variables},
        **({} if os.environ.get('RAY_ADDRESS') else here),
      )
      yield folder
    finally:
      ray.shutdown()
