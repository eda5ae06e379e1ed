"""More trials than a search had: where it may go on, and why one ends early.

A sampler or a scheduler whose arguments are made for the number of trials names
them in its file, `MADE_FOR_TOTAL = ('points',)`; see their packages.
"""

from collections.abc import Mapping, Sequence
import importlib
import pathlib
from typing import Any

from effnas import errors
from effnas.search import journal, plain, samplers, schedulers
from effnas.search import problem as problem_lib
from effnas.search import settings as settings_lib
from effnas.search import trial as trial_lib
from effnas.search.proposing import earlier


def check(
  settings: settings_lib.Settings,
  problem: problem_lib.Problem,
  folder: pathlib.Path,
  before: int | None,
) -> None:
  """Raises where a search cannot go on with another number of trials.

  Where it can, the trials are those of a search of that number from the start.

  Args:
    settings: Those of now.
    problem: What is searched for.
    folder: The workdir.
    before: Its 'search.trials' so far; None is the default.

  Raises:
    UserError: It holds more trials, or something depends on their number.
  """
  before = settings_lib.Settings.trials if before is None else before
  trials = journal.read(folder)
  if settings.trials < len(trials):
    raise errors.UserError(
      f'{folder} holds {len(trials)} trials, and search.trials is '
      f'{settings.trials}; ask for {len(trials)} or more, or choose another '
      'workdir'
    )
  ended = sum(trial.finished for trial in trials) >= before
  why = _fixed(settings, problem, folder, before, ended)
  if why:
    raise errors.UserError(
      f'{folder} is a search of {before} trials and cannot become one of '
      f'{settings.trials}: {why}; choose another workdir, with '
      f'--warm_start={folder}'
    )


def short(
  trials: Sequence[trial_lib.Trial], settings: settings_lib.Settings, space: Any
) -> str:
  """Says why a search has ended with fewer trials than were asked for.

  Args:
    trials: All of them.
    settings: The search's.
    space: What was searched.
  """
  told = f'the search ended after {len(trials)} of {settings.trials} trials: '
  archs = {plain.key(trial.arch) for trial in trials}
  if len(archs) >= space.size:
    return f'{told}the space has no other architecture than these {len(archs)}'
  if settings.tune_searcher is not None:
    return f'{told}search.tune_searcher proposes nothing more'
  bounded = ' that meets the constraints' if settings.constraints else ''
  return (
    f'{told}nothing new{bounded} was found in search.max_draws='
    f'{settings.max_draws} draws'
  )


def _fixed(
  settings: settings_lib.Settings,
  problem: problem_lib.Problem,
  folder: pathlib.Path,
  before: int,
  ended: bool,
) -> str:
  """Says what depends on the number of trials, '' if nothing does."""
  scheduler = settings.scheduler
  why = _made_for(schedulers, 'scheduler', scheduler, before, settings)
  if why:
    return why
  if ended and schedulers.load(scheduler, settings.scheduler_args, 1).promotes:
    return (
      f'scheduler {scheduler} goes on with earlier trials, whose checkpoints '
      'are removed when a search ends'
    )
  if settings.warm_start:
    kept = earlier.load(settings.warm_start, folder, problem)
    some, other = (
      earlier.best(kept, problem, total) for total in (before, settings.trials)
    )
    if some != other:
      return 'how much of its warm start is tried depends on the number'
  if settings.tune_searcher is None:
    return _made_for(samplers, 'sampler', settings.sampler, before, settings)
  from effnas.search.engines.ray import searchers

  name, args = settings_lib.named('tune_searcher', settings.tune_searcher)
  if searchers.takes_total(name, args):
    return f'tune_searcher {name} has the number for its budget'
  return ''


def _made_for(
  package: Any,
  kind: str,
  name: str,
  before: int,
  settings: settings_lib.Settings,
) -> str:
  """Says which arguments of a sampler or scheduler were made for a number."""
  module = importlib.import_module(f'{package.__name__}.{name}')
  given: Mapping[str, Any] = getattr(settings, f'{kind}_args')
  for key in getattr(module, 'MADE_FOR_TOTAL', ()):
    if given.get(key) == before:
      return f'{kind} {name} was given {key}={before} for that number'
  return ''
