"""The Ray engine: Ray Tune runs the trials, in parallel.

Tune asks a searcher for the next trial, and the searcher asks the conductor.
Workers are kept from trial to trial (a process start and JAX's import cost
seconds), and share the compile cache. Nothing here initialises JAX.
"""

from collections.abc import Callable, Mapping
import json
import math
import os
import shutil
from typing import Any

from ray import tune

from effnas import errors
from effnas.search import conductor as conductor_lib
from effnas.search.engines.ray import cluster, telling, tune_schedulers
from effnas.search.running import bridge as bridge_lib
from effnas.search.running import evaluation, together
from effnas.search.running import limits as limits_lib


def run(
  conductor: conductor_lib.Conductor,
  evaluate: str,
  task: Mapping[str, Any],
  settings: Any,
  on_change: Callable[[], None],
  stopping: tune_schedulers.Stopping | None = None,
) -> None:
  """Runs all trials; see `engines.load`.

  Joins the cluster that RAY_ADDRESS names, else starts Ray on this machine.

  Args:
    conductor: Hands out the trials.
    evaluate: Dotted name of what evaluates one, importable on the workers.
    task: What all trials share.
    settings: The search's; see `effnas.search.settings`.
    on_change: Called after each change of a trial.
    stopping: A scheduler of Tune that may stop them.

  Raises:
    UserError: The cluster does not answer, or cannot run such trials.
  """
  workers = math.ceil(settings.concurrency / settings.batch)
  limits = limits_lib.Limits(settings.time_limit_s, settings.memory_limit_bytes)
  with cluster.started(workers) as folder:
    resources, environment = cluster.shares(workers, settings.resources)
    bridge = bridge_lib.Bridge(
      conductor,
      on_change,
      settings.batch,
      evaluate=evaluate,
      task=task,
      limits=limits,
      environment=environment,
    )
    if stopping is not None:
      journal = conductor.journal
      stopping.replay([journal.trials[i] for i in journal.finished])
    tuner = tune.Tuner(
      tune.with_resources(_job, resources),
      tune_config=tune.TuneConfig(
        search_alg=telling.Searcher(bridge),
        scheduler=telling.Scheduler(workers, bridge, stopping),
        num_samples=-1,  # until the searcher is finished
        reuse_actors=True,
        trial_dirname_creator=lambda trial: trial.trial_id,
      ),
      run_config=tune.RunConfig(
        storage_path=str(folder),
        name='trials',
        callbacks=[telling.Callback(bridge, limits, task['workdir'], stopping)],
        verbose=0,
      ),
    )
    try:
      tuner.fit()
    except Exception as e:
      raise (bridge.error or e) from None
    finally:
      shutil.rmtree(telling.words(task['workdir']), ignore_errors=True)
  if bridge.error:
    raise bridge.error
  if bridge.running or not bridge.finished:
    raise RuntimeError('Ray Tune ended before the search; run it again')


class _Ended(BaseException):
  """Tune wants no more of this trial; no evaluation takes it for its own."""


def _job(config: Mapping[str, Any]) -> dict[str, str]:
  """Evaluates trials, on a worker."""
  job = json.loads(config['job'])
  os.environ.update(job['environment'])
  limits = limits_lib.Limits(*job['limits'])
  shared = {'evaluate': job['evaluate'], 'task': job['task'], 'limits': limits}
  calls = [{**shared, **call} for call in job['calls']]
  folder = telling.words(job['task']['workdir'])
  words = folder / tune.get_context().get_trial_id()
  try:
    with limits_lib.held(limits, words):
      return telling.packed(together.run(calls, _send))
  except _Ended:
    raise SystemExit(0) from None
  except OSError as e:  # of the last words
    if not errors.of_the_machine(e):
      raise
    return telling.packed({**evaluation.halted(e), 'trial': calls[0]['trial']})


def _send(message: Mapping[str, Any]) -> None:
  try:
    tune.report(telling.packed(message))
  except SystemExit:
    raise _Ended from None
