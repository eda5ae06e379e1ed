"""The Ray engine: Ray Tune runs the trials, in parallel.

Tune asks a searcher for the next trial, and the searcher asks the conductor.
Workers are kept from trial to trial (a process start and JAX's import cost
seconds), and share the compile cache. Nothing here initialises JAX.
"""

from collections.abc import Callable, Iterator, Mapping
import contextlib
import json
import logging
import math
import os
import pathlib
import shutil
import tempfile
from typing import Any
import warnings

import ray
from ray import tune
from ray.tune import schedulers, search

from effnas import errors
from effnas.search import compile_cache, evaluation
from effnas.search import conductor as conductor_lib

# What Ray and Tune read from the environment; it is put back afterwards.
_QUIET = {
  'RAY_AIR_NEW_OUTPUT': '0',
  'RAY_CHDIR_TO_TRIAL_DIR': '0',  # relative paths mean what they say
  'RAY_USAGE_STATS_ENABLED': '0',
  'RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO': '0',
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
  bridge = _Bridge(conductor, evaluate, task, on_change)
  with _started(concurrency) as folder:
    resources, bridge.environment = _shares(concurrency)
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
      raise bridge.error or e from None
  if bridge.error:
    raise bridge.error
  if conductor.running or not conductor.exhausted:
    raise RuntimeError('Ray Tune ended before the search did; run it again')


def _trial(config: Mapping[str, Any]) -> dict[str, str]:
  """Evaluates one trial, on a worker."""
  call = json.loads(config['call'])
  os.environ.update(call.pop('environment'))
  return _packed(evaluation.run(**call, send=lambda m: tune.report(_packed(m))))


def _packed(message: Mapping[str, Any]) -> dict[str, str]:
  # A text passes through Tune untouched; it would flatten a dict.
  return {'message': json.dumps(message)}


class _Bridge:
  """Between the conductor and Tune, which calls in from several sides.

  Attributes:
    environment: Variables to set in a worker before it runs a trial.
    error: What went wrong in the search itself; it ends the search.
  """

  def __init__(
    self,
    conductor: conductor_lib.Conductor,
    evaluate: str,
    task: Mapping[str, Any],
    on_change: Callable[[], None],
  ):
    self.environment: dict[str, str] = {}
    self.error: Exception | None = None
    self._conductor = conductor
    self._call = {'evaluate': evaluate, 'task': task}
    self._on_change = on_change
    self._numbers: dict[str, int] = {}  # Tune's name of a trial to ours

  def suggest(self, name: str) -> dict[str, str] | str | None:
    if self.error:
      return search.Searcher.FINISHED
    try:
      trial = self._conductor.next()
    except Exception as e:  # let the running trials finish, then raise it
      self.error = e
      return search.Searcher.FINISHED
    self._on_change()
    if trial is None:
      done = self._conductor.exhausted
      return search.Searcher.FINISHED if done else None
    self._numbers[name] = trial.id
    call = {
      **self._call,
      'arch': trial.arch,
      'trial': trial.id,
      'environment': self.environment,
    }
    return {'call': json.dumps(call)}

  def take(self, name: str, message: Mapping[str, Any]) -> None:
    try:
      self._conductor.take(self._numbers[name], message)
    except Exception as e:
      self.error = e
      raise
    self._on_change()


class _Searcher(search.Searcher):
  """Tune's way of asking for the next trial."""

  def __init__(self, bridge: _Bridge):
    super().__init__()
    self._bridge = bridge

  def suggest(self, trial_id: str) -> dict[str, str] | str | None:
    return self._bridge.suggest(trial_id)

  def on_trial_complete(self, *args: Any, **kwargs: Any) -> None:
    """What became of it comes through `_Callback`, with the reason."""

  def save(self, checkpoint_path: str) -> None:
    """The journal is the state."""

  def restore(self, checkpoint_path: str) -> None:
    """The journal is the state."""


class _Callback(tune.Callback):
  """Tune's way of telling what became of a trial."""

  def __init__(self, bridge: _Bridge):
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

  def on_trial_error(
    self, iteration: int, trials: list[Any], trial: Any, **info: Any
  ) -> None:
    error = trial.get_pickled_error() or trial.get_error()
    reason = f'worker died: {_cause(error)}'
    self._bridge.take(
      trial.trial_id, {'event': 'failed', 'reason': reason, 'traceback': ''}
    )


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


def _cause(error: BaseException | None) -> str:
  """Returns why Ray lost a worker, in one line."""
  text = str(error)
  if 'OutOfMemory' in type(error).__name__ or 'out of memory' in text.lower():
    return f'out of memory or killed ({type(error).__name__})'
  return evaluation.describe(error) if error else 'unknown'


def _shares(concurrency: int) -> tuple[dict[str, float], dict[str, str]]:
  """Returns the resources and the environment of one trial."""
  total = ray.cluster_resources()
  cpus = min(
    total['CPU'] / concurrency,
    max(node['Resources'].get('CPU', 0) for node in ray.nodes()),
  )
  # Ray takes whole numbers above 1, and four decimals below.
  share = math.floor(cpus) if cpus >= 1 else math.floor(cpus * 1e4) / 1e4
  resources, environment = {'cpu': float(share)}, {}
  if total.get('TPU'):  # a chip serves one process
    chips = int(total['TPU'] // concurrency)
    if not chips:
      raise errors.UserError(
        f'search.concurrency {concurrency} is more than the '
        f'{total["TPU"]:g} TPU chips here, and a chip serves one trial'
      )
    resources['TPU'] = chips
  elif total.get('GPU'):
    together = math.ceil(concurrency / total['GPU'])  # on one GPU
    whole = max(1, int(total['GPU'] // concurrency))
    resources['gpu'] = whole if together == 1 else 1 / together
    environment['XLA_PYTHON_CLIENT_MEM_FRACTION'] = (
      f'{_GPU_SHARE / together:.3}'
    )
  return resources, environment


@contextlib.contextmanager
def _started(concurrency: int) -> Iterator[pathlib.Path]:
  """Starts a silent Ray; stops it and removes its files at the end."""
  if ray.is_initialized():
    raise errors.UserError(
      'Ray runs in this process already; call ray.shutdown() first'
    )
  variables = compile_cache.environment()
  variables |= {'TF_CPP_MIN_LOG_LEVEL': '3', 'RAY_CHDIR_TO_TRIAL_DIR': '0'}
  if not list(
    pathlib.Path('/dev').glob('accel*')
  ):  # no TPU: do not look for it
    variables['TPU_SKIP_MDS_QUERY'] = '1'
  options: dict[str, Any] = {}
  folder = _folder()
  if not os.environ.get('RAY_ADDRESS'):
    options = {'include_dashboard': False, '_temp_dir': str(folder)}
  level = logging.getLogger('ray').level
  pending = {'TUNE_MAX_PENDING_TRIALS_PG': str(concurrency)}
  with _environment({**_QUIET, **pending}), warnings.catch_warnings():
    warnings.simplefilter('ignore')
    try:
      ray.init(
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        runtime_env={'env_vars': variables},
        **options,
      )
      yield folder
    finally:
      ray.shutdown()
      logging.getLogger('ray').setLevel(level)
      shutil.rmtree(folder, ignore_errors=True)


def _folder() -> pathlib.Path:
  """Makes a folder for Ray's files; removes those of killed searches."""
  # The paths of Ray's sockets have to fit into 107 characters.
  root = tempfile.gettempdir()
  root = root if len(root) < 30 else '/tmp'
  for old in pathlib.Path(root).glob('effnas-ray-*'):
    pid = old.name.split('-')[2]
    if pid.isdigit() and not pathlib.Path('/proc', pid).exists():
      shutil.rmtree(old, ignore_errors=True)
  return pathlib.Path(
    tempfile.mkdtemp(prefix=f'effnas-ray-{os.getpid()}-', dir=root)
  )


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
  before = {name: os.environ.get(name) for name in variables}
  os.environ.update(variables)
  try:
    yield
  finally:
    for name, value in before.items():
      if value is None:
        os.environ.pop(name, None)
      else:
        os.environ[name] = value
