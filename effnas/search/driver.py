"""A search from its config to its trials."""

from collections.abc import Mapping
import functools
import importlib
import logging
import os
import pathlib
from typing import Any

from effnas import errors
from effnas.search import conductor as conductor_lib
from effnas.search import engines, extending, plain, policy
from effnas.search import event as event_lib
from effnas.search import identity as identity_lib
from effnas.search import journal as journal_lib
from effnas.search import metrics as metrics_lib
from effnas.search import problem as problem_lib
from effnas.search import progress as progress_lib
from effnas.search import settings as settings_lib
from effnas.search import trial as trial_lib
from effnas.search import workdir as workdir_lib
from effnas.search.proposing import earlier, starts
from effnas.search.running import compile_cache, evaluation, halting

_log = logging.getLogger(__name__)

_NETWORKS = 'effnas.search.networks.network_trials'


@halting.halting()
def run(
  config: Mapping[str, Any],
  workdir: str | os.PathLike[str],
  *,
  evaluate: str = f'{_NETWORKS}:evaluate',
  problem: problem_lib.Problem | None = None,
  accept_changes: bool = False,
) -> list[trial_lib.Trial]:
  """Runs a search, or goes on with the one that the workdir holds.

  That may be finished: with more 'search.trials' it goes on, where these would
  have been the trials of a search of so many from the start.

  Args:
    config: JSON values; section "search" is the keyword arguments of
      `Settings`, the others are read by `problem` of the module that evaluates
      and by `evaluate`.
    workdir: The folder to keep everything in.
    evaluate: Dotted name, importable on every worker, of the function
      (task, arch, trial, report) -> metrics that evaluates an architecture,
      with task = {'config': config, 'workdir': path, 'identity': checksums},
      and where a scheduler says so 'epochs', where its training ends, and
      'parent', the trial whose training it goes on with. Where its module has a
      function test(task, arch, trial) -> metrics beside, each trial of the
      front is tested by it, once, after all trials; where it has tidy(task),
      that is called before, when no trial can go on with another any more.
    problem: What is searched for, by default what the config declares: with a
      section "table" the rows of a table, which are looked up, else networks,
      which are trained, or scored where an objective is a proxy.
    accept_changes: Whether to go on with other data than the workdir was made
      with; see `effnas.search.identity`.

  Returns:
    All trials, failed ones included, in order of id.

  Raises:
    UserError: The config or the workdir cannot be used.
    MachineError: The disk is full, say: its trials are unfinished, and the same
      call goes on once there is room.
  """
  config = plain.plain(config)
  if not isinstance(config.get('search'), dict):
    raise errors.UserError(
      'the config has no section "search", '
      "e.g. {'objectives': ['accuracy', 'size_bytes']}"
    )
  settings = settings_lib.make(config['search'])
  if problem is None:
    evaluate, problem = _declared(config, evaluate, settings)
  evaluation.resolve(evaluate)

  identity = _identity(problem, settings, workdir)
  resize = functools.partial(extending.check, settings, problem)
  with (
    workdir_lib.opened(
      workdir,
      config,
      problem.space.describe(),
      problem.provenance,
      identity=identity,
      accept_changes=accept_changes,
      resize=resize,
    ) as path,
    journal_lib.Journal(path / 'trials.jsonl') as journal,
  ):
    _check(journal, problem.space)
    chosen = policy.load(settings, config, path, problem)
    conductor = conductor_lib.Conductor(
      chosen.problem,
      chosen.propose,
      journal,
      trials=settings.trials,
      concurrency=settings.concurrency,
      seed=settings.seed,
      asynchronous=settings.asynchronous,
      max_draws=settings.max_draws,
      scheduler=chosen.scheduler,
      retries=settings.retries,
    )
    task = {'config': config, 'workdir': str(path), 'identity': identity}
    compile_cache.turn_on()
    if not conductor.exhausted:
      starts.check(
        chosen.problem
      )  # what cannot be met is told before Ray starts
      conductor.prepare()
      for line in problem.remarks():
        _log.warning('%s', line)
      with progress_lib.Progress(
        settings.trials, problem.objectives, journal
      ) as progress:
        engine = engines.load(settings.engine)
        further = {'stopping': chosen.stopping} if chosen.stopping else {}
        engine(conductor, evaluate, task, settings, progress.update, **further)
    if len(journal.trials) < settings.trials:
      _log.warning(
        '%s', extending.short(journal.trials, settings, problem.space)
      )
    module = importlib.import_module(evaluate.partition(':')[0])
    if hasattr(module, 'tidy'):
      module.tidy(task)
    _test_front(journal, problem, evaluate, task)
    return list(journal.trials)


def _identity(
  problem: problem_lib.Problem,
  settings: settings_lib.Settings,
  workdir: str | os.PathLike[str],
) -> dict[str, str]:
  """Returns checksums of all that the trials depend on beside the config."""
  found = dict(problem.identity)
  if problem.starts:
    found['search.start_with'] = identity_lib.of_json(list(problem.starts))
  if settings.warm_start:
    told = earlier.told(settings.warm_start, pathlib.Path(workdir), problem)
    found['search.warm_start'] = identity_lib.of_json(told)
  return found


def _declared(
  config: Mapping[str, Any], evaluate: str, settings: settings_lib.Settings
) -> tuple[str, problem_lib.Problem]:
  """Returns what evaluates the trials of a config, and its problem."""
  if 'table' in config:
    evaluate = 'effnas.search.tabular.table_trials:evaluate'
  elif metrics_lib.untrained(
    [*settings.objectives, *settings.soft_constraints]
  ):
    evaluate = 'effnas.search.scoring.trials:evaluate'
    evaluation.resolve('effnas.search.scoring.trials:settings')(config)
  module = evaluate.partition(':')[0] if 'table' in config else _NETWORKS
  return evaluate, evaluation.resolve(f'{module}:problem')(config)


def _check(journal: journal_lib.Journal, space: Any) -> None:
  """Refuses a journal with trials that the space does not have."""
  for trial in journal.trials:
    try:
      space.check(trial.arch)
    except errors.UserError as e:
      raise errors.UserError(
        f'trial {trial.id} in trials.jsonl is not of this space: {str(e)[:160]}'
      ) from None


def _test_front(
  journal: journal_lib.Journal,
  problem: problem_lib.Problem,
  evaluate: str,
  task: Mapping[str, Any],
) -> None:
  """Tests the trials of the front that are not tested yet."""
  module = importlib.import_module(evaluate.partition(':')[0])
  if not hasattr(module, 'test'):
    return
  found = problem_lib.front(journal.trials, problem.objectives, problem.soft)
  for trial in found:
    if not any(name.startswith('test_') for name in trial.metrics):
      told = module.test(task, trial.arch, trial.id)
      if flaw := event_lib.flaw(plain.plain(told)):
        raise errors.UserError(f'the test of trial {trial.id} gave: {flaw}')
      journal.append({'event': 'tested', 'trial': trial.id, 'metrics': told})
