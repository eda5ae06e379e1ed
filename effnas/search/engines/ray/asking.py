"""Asking and telling a searcher of Ray Tune, as a sampler.

A searcher has a state, so it is asked and told in an order that does not depend
on which trial is faster: before a proposal it is told of the trials that the
proposal may see, in order of id. What it proposes that is not tried (it was
tried before, or breaks a constraint) it is told as an error. When a search is
resumed, the journal is gone through once more in the same order, which leaves
a seeded searcher as it was.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import logging
from typing import Any
import warnings

import numpy as np

from effnas import errors
from effnas.search import metrics, plain, schedulers
from effnas.search import problem as problem_lib
from effnas.search import proposal as proposal_lib
from effnas.search import trial as trial_lib
from effnas.search.engines.ray import space as space_lib
from effnas.search.frontier import pareto
from effnas.search.proposing import screening
from effnas.search.running import evaluation

_log = logging.getLogger(__name__)
_TRIES = 20  # how often a searcher may say nothing while no trial runs


class Waits(Exception):
  """The searcher proposes nothing before another trial has finished."""


class Searching:
  """A searcher of Tune as a sampler; see `effnas.search.samplers`."""

  def __init__(
    self,
    searcher: Any,
    name: str,
    problem: problem_lib.Problem,
    *,
    concurrency: int = 1,
    asynchronous: bool = False,
    max_draws: int = 100,
    earlier: Sequence[trial_lib.Trial] = (),
  ):
    """Prepares to ask a searcher.

    Args:
      searcher: Knows space, metric and mode.
      name: Its name, for messages.
      problem: What is searched for.
      concurrency: The search's, to go through a journal as it was written.
      asynchronous: Whether the search is; then a journal cannot be gone
        through, and the searcher is told of its trials alone.
      max_draws: How often it was asked for one trial at most.
      earlier: Trials of another search to tell it of before all others.
    """
    self._searcher = searcher
    self._name = name
    self._objectives = list(problem.objectives)
    self._single = not space_lib.converted(problem.space)
    self._concurrency = concurrency
    self._asynchronous = asynchronous
    self._max_draws = max_draws
    self._pending: tuple[int, str, str] | None = None  # trial, arch, name
    self._names: dict[int, str] = {}  # trial to the searcher's name of it
    self._keys: set[str] = set()  # of the trials' archs
    self._told: set[int] = set()
    self._asked = 0
    self._looked = 0  # the trials before it are in `_keys`
    self._begun = self._deaf = False
    for trial in earlier:
      self._add(problem, trial, list(earlier))

  def __call__(
    self,
    space: Any,
    problem: problem_lib.Problem,
    trials: Sequence[trial_lib.Trial],
    rng: np.random.Generator,
  ) -> dict[str, Any]:
    """Proposes the next trial.

    Args:
      space: The space.
      problem: Its objectives are the searcher's.
      trials: All trials before; see `effnas.search.samplers`.
      rng: Not looked at; the searcher has its own.

    Raises:
      Waits: It wants to know more first, and trials are running.
      NothingNew: It proposes nothing any more.
    """
    del space, rng
    if not self._begun:
      self._begun = True
      if not self._asynchronous:
        self._repeat(problem, trials)
    return self._next(problem, trials)

  def _next(
    self, problem: problem_lib.Problem, trials: Sequence[trial_lib.Trial]
  ) -> dict[str, Any]:
    self._settle(trials)
    done = [trial for trial in trials if trial.status == 'done']
    for trial in trials:
      if trial.finished and trial.id not in self._told:
        self._told.add(trial.id)
        if trial.id in self._names:
          self._complete(problem, trial, done)
        else:
          self._add(problem, trial, done)
    return self._ask(problem.space, trials)

  def _settle(self, trials: Sequence[trial_lib.Trial]) -> None:
    """Finds out whether what was proposed last has become a trial."""
    new = (trial for trial in trials if trial.id >= self._looked)
    for trial in sorted(new, key=lambda trial: trial.id):
      key = plain.key(trial.arch)
      number, asked, name = self._pending or (None, None, '')
      # Otherwise it is another one, or repeated for want of others.
      if (number, asked) == (trial.id, key) and key not in self._keys:
        self._names[trial.id], self._pending = name, None
      self._keys.add(key)
    self._looked = len(trials)
    if self._pending:
      self._searcher.on_trial_complete(self._pending[2], error=True)
      self._pending = None

  def _ask(
    self, space: Any, trials: Sequence[trial_lib.Trial]
  ) -> dict[str, Any]:
    if self._single:
      return space_lib.arch(space, {})
    for _ in range(_TRIES):
      name = f'{self._asked:05}'
      self._asked += 1
      with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of libraries about each other
        found = self._searcher.suggest(name)
      if isinstance(found, Mapping):
        arch = space_lib.arch(space, found)
        self._pending = len(trials), plain.key(arch), name
        return arch
      if found is not None:
        break
      if any(not trial.finished for trial in trials):
        raise Waits
    _log.warning('tune_searcher %s proposes nothing any more', self._name)
    raise proposal_lib.NothingNew

  def _complete(
    self,
    problem: problem_lib.Problem,
    trial: trial_lib.Trial,
    done: list[trial_lib.Trial],
  ) -> None:
    """Tells what became of a trial that the searcher has proposed."""
    name, last = self._names[trial.id], None
    for epoch, found in sorted(trial.reports.items()):
      result = {**trial.footprint, **found, 'training_iteration': epoch}
      if all(result.get(n) is not None for n in self._objectives):
        self._searcher.on_trial_result(name, result)
        last = result
    if trial.status == 'done':
      values = dict(
        zip(self._objectives, self._values(problem, trial, done), strict=True)
      )
      epoch = max(trial.reports, default=1)
      told = {**trial.footprint, **trial.metrics, **values}
      last = {**told, 'training_iteration': epoch}
    if trial.status == 'failed' or last is None:
      self._searcher.on_trial_complete(name, error=True)
    else:
      self._searcher.on_trial_complete(name, result=last)

  def _add(
    self,
    problem: problem_lib.Problem,
    trial: trial_lib.Trial,
    done: list[trial_lib.Trial],
  ) -> None:
    """Tells of a trial that somebody else has proposed."""
    if trial.status != 'done' or self._deaf or self._single:
      return
    values = self._values(problem, trial, done)
    try:
      self._searcher.add_evaluated_point(
        space_lib.config(problem.space, trial.arch),
        values[0] if len(values) == 1 else values,
      )
    except Exception as e:
      self._deaf = True
      _log.warning(
        'tune_searcher %s cannot be told of trials that it did not propose: %s',
        self._name,
        evaluation.describe(e),
      )

  def _values(
    self,
    problem: problem_lib.Problem,
    trial: trial_lib.Trial,
    done: list[trial_lib.Trial],
  ) -> list[float]:
    """Returns its objectives, worse where it breaks a soft constraint."""
    up = [metrics.parse(name).maximize for name in self._objectives]
    points = pareto.minimised(problem.scores(done), up)
    return points[done.index(trial)].tolist()

  def _repeat(
    self, problem: problem_lib.Problem, trials: Sequence[trial_lib.Trial]
  ) -> None:
    """Asks and tells as when these trials were proposed."""
    starts = {plain.key(arch) for arch in problem.starts}
    for trial in trials:
      if plain.key(trial.arch) in starts:
        continue  # nobody was asked for it
      if not self._proposed(problem, trials, trial):
        _log.warning(
          'tune_searcher %s does not propose the %d trials of the journal '
          'again; from trial %d on it is told of them, and goes on from there',
          self._name,
          len(trials),
          trial.id,
        )
        return

  def _proposed(
    self,
    problem: problem_lib.Problem,
    trials: Sequence[trial_lib.Trial],
    trial: trial_lib.Trial,
  ) -> bool:
    """Asks for one trial of the journal; says whether all was as before."""
    draws, key, number = 0, plain.key(trial.arch), trial.id
    seen = max(0, number - self._concurrency + 1)
    while draws < self._max_draws:
      running = [t.untold for t in trials[seen:number]]
      try:
        arch = self._next(problem, [*trials[:seen], *running])
      except Waits:
        draws, seen = 0, seen + 1
        continue
      except proposal_lib.NothingNew:
        return False
      asked = plain.key(arch)
      if asked in self._keys:
        draws += 1
      elif asked == key:
        return True
      elif screening.allowed(problem, arch):
        return False
      else:
        draws += 1
    return True  # then something else was found, here as there


def waiting(scheduler: schedulers.Scheduler) -> schedulers.Scheduler:
  """Returns a scheduler that waits when the searcher does.

  Args:
    scheduler: A scheduler that starts new architectures only.

  Raises:
    UserError: It goes on with trials, whose results at different epochs no
      searcher of Tune can tell apart.
  """
  if scheduler.promotes:
    raise errors.UserError(
      'search.tune_searcher does not go with a search.scheduler that goes on '
      "with trials; take search.tune_scheduler, e.g. 'asha', or search.sampler"
    )

  def decide(*args: Any) -> proposal_lib.Proposal | None:
    try:
      return scheduler.decide(*args)
    except Waits:
      return None

  return dataclasses.replace(scheduler, decide=decide)
