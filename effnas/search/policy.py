"""What a search's settings choose: who proposes, and who decides how long."""

from collections.abc import Callable, Mapping
import dataclasses
import pathlib
from typing import Any, NamedTuple

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import samplers, schedulers
from effnas.search import settings as settings_lib
from effnas.search.proposing import earlier, prefilter


class Policy(NamedTuple):
  """What settings choose.

  Attributes:
    propose: A sampler.
    scheduler: A scheduler.
    problem: The problem, with what a warm start tries first.
    stopping: A scheduler of Tune beside, for the Ray engine.
  """

  propose: Callable[..., dict[str, Any]]
  scheduler: schedulers.Scheduler
  problem: problem_lib.Problem
  stopping: Any = None


def load(
  settings: settings_lib.Settings,
  config: Mapping[str, Any],
  folder: pathlib.Path,
  problem: problem_lib.Problem,
) -> Policy:
  """Returns what settings choose.

  Args:
    settings: The settings.
    config: The whole config; its 'train.epochs' are what schedulers spend.
    folder: The workdir, which keeps a copy of what a warm start was told.
    problem: What is searched for.

  Raises:
    UserError: Something does not fit the problem.
  """
  before = []
  if settings.warm_start:
    before = earlier.load(settings.warm_start, folder, problem)
    first = [*problem.starts, *earlier.best(before, problem, settings.trials)]
    problem = dataclasses.replace(problem, starts=first)
  train = config.get('train')
  epochs = train.get('epochs') if isinstance(train, dict) else None
  epochs = epochs if isinstance(epochs, int) else None
  scheduler = schedulers.load(
    settings.scheduler, settings.scheduler_args, epochs
  )
  stopping = None
  if settings.tune_scheduler:
    from effnas.search.engines.ray import tune_schedulers

    name, args = settings_lib.named('tune_scheduler', settings.tune_scheduler)
    stopping = tune_schedulers.load(name, args, problem.objectives, epochs)
  if settings.tune_searcher:
    from effnas.search.engines.ray import asking, searchers

    name, args = settings_lib.named('tune_searcher', settings.tune_searcher)
    searching = searchers.load(
      name,
      args,
      problem,
      trials=settings.trials,
      seed=settings.seed,
      concurrency=settings.concurrency,
      asynchronous=settings.asynchronous,
      max_draws=settings.max_draws,
      earlier=before,
    )
    return Policy(searching, asking.waiting(scheduler), problem, stopping)
  propose = samplers.load(settings.sampler, settings.sampler_args)
  propose = prefilter.load(settings.prefilter, propose)
  # Objectives that it cannot take are told now, not after the first trials.
  propose(problem.space, problem, [], np.random.default_rng(0))
  if settings.warm_start:
    propose = earlier.shown(propose, before)
  return Policy(propose, scheduler, problem, stopping)
