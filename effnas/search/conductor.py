"""Who may propose what, when: what makes a parallel search deterministic."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from effnas.search import draw, evaluation, plain
from effnas.search import journal as journal_lib
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib


class Conductor:
  """Hands out trials to an engine and writes what becomes of them.

  With concurrency c, trial i is proposed once the trials 0 to i - c are
  finished, and its proposal sees exactly these; so the trials of a search do
  not depend on which one finishes first. An asynchronous search proposes
  whenever fewer than c trials run, from whatever has finished.

  A journal with trials in it is gone on with: what was proposed and not
  finished is handed out again, then new trials follow as they would have.

  Attributes:
    exhausted: Whether there is nothing left to hand out.
    journal: Where it writes; `journal.trials` are the trials.
  """

  def __init__(
    self,
    problem: problem_lib.Problem,
    propose: Callable[..., dict[str, Any]],
    journal: journal_lib.Journal,
    *,
    trials: int,
    concurrency: int = 1,
    seed: int = 0,
    asynchronous: bool = False,
    max_draws: int = 100,
  ):
    """Takes up a journal.

    Args:
      problem: What is searched for.
      propose: The sampler, a function of (space, problem, trials, rng).
      journal: The journal, new or of an interrupted search.
      trials: How many trials there shall be.
      concurrency: How many may run at once.
      seed: Of the proposals; trial i draws from `default_rng([seed, i])`.
      asynchronous: Whether a proposal sees whatever has finished.
      max_draws: How many architectures to draw for one trial at most.
    """
    self.journal = journal
    self._problem = problem
    self._draws = draw.Draws(problem, propose, max_draws, journal.trials)
    self._total = trials
    self._concurrency = concurrency
    self._seed = seed
    self._asynchronous = asynchronous
    self._again = [t.id for t in journal.trials if not t.finished]
    self._window = 0  # the trials before it are finished
    self._over = False
    self._first: tuple[dict[str, Any], Any] | None = None

  @property
  def exhausted(self) -> bool:
    """Whether there is nothing left to hand out."""
    full = len(self.journal.trials) >= self._total
    return not self._again and (full or self._over or self._draws.exhausted)

  @property
  def running(self) -> int:
    """How many trials are handed out and not finished."""
    unfinished = len(self.journal.trials) - len(self.journal.finished)
    return unfinished - len(self._again)

  def prepare(self) -> None:
    """Draws the first trial of a new journal, and writes nothing yet.

    Raises:
      UserError: No candidate meets the constraints.
    """
    if not self.journal.trials:
      self._first = self._draw(0)

  def next(self) -> trial_lib.Trial | None:
    """Returns the next trial to run.

    Returns:
      A trial, or None: then nothing is left if `exhausted`, and otherwise some
      running trial has to finish first.

    Raises:
      UserError: No candidate meets the constraints.
    """
    if self._again:
      return self.journal.trials[self._again.pop(0)]
    while not self.exhausted and self._may_propose():
      trial = self._propose()
      if trial is not None and not trial.finished:
        return trial
    return None

  def take(self, number: int, message: Mapping[str, Any]) -> trial_lib.Trial:
    """Writes what an evaluation says.

    Args:
      number: The trial's id.
      message: What `evaluation.run` returned or reported.

    Returns:
      The trial as it is now.
    """
    if message['event'] == 'reported':
      return self.report(number, message['epoch'], message['metrics'])
    if message['event'] == 'done':
      return self.done(number, message['metrics'])
    return self.failed(number, message['reason'], message['traceback'])

  def report(
    self, number: int, epoch: int, metrics: Mapping[str, Any]
  ) -> trial_lib.Trial:
    """Writes what a running trial tells after an epoch.

    Args:
      number: The trial's id.
      epoch: The epoch, from 1.
      metrics: Metrics by name.
    """
    return self.journal.append(
      {
        'event': 'reported',
        'trial': number,
        'epoch': epoch,
        'metrics': metrics,
      }
    )

  def done(self, number: int, metrics: Mapping[str, Any]) -> trial_lib.Trial:
    """Writes the results of a trial; without finite objectives it has failed.

    Args:
      number: The trial's id.
      metrics: Metrics by name.
    """
    metrics = plain.plain(metrics, finite=False)
    flaw = self._problem.flaw(self.journal.trials[number], metrics)
    if flaw:
      return self.failed(number, flaw)
    return self.journal.append(
      {'event': 'done', 'trial': number, 'metrics': metrics}
    )

  def failed(
    self, number: int, reason: str, traceback: str = ''
  ) -> trial_lib.Trial:
    """Writes that a trial failed.

    Args:
      number: The trial's id.
      reason: Why, in one line.
      traceback: Where, if that is known.
    """
    event = {'event': 'failed', 'trial': number, 'reason': reason}
    if traceback:
      event['traceback'] = traceback
    return self.journal.append(event)

  def _may_propose(self) -> bool:
    """Whether all that the next proposal has to see is there to be seen."""
    if self._asynchronous:
      return self.running < self._concurrency
    trials = self.journal.trials
    while self._window < len(trials) and trials[self._window].finished:
      self._window += 1
    return self._window > len(trials) - self._concurrency

  def _visible(self) -> list[trial_lib.Trial]:
    trials = self.journal.trials
    if self._asynchronous:
      return [trials[i] for i in self.journal.finished]
    return trials[: max(0, len(trials) - self._concurrency + 1)]

  def _draw(self, number: int) -> tuple[dict[str, Any], Any] | None:
    rng = np.random.default_rng([self._seed, number])
    return self._draws.draw(self._visible(), rng)

  def _propose(self) -> trial_lib.Trial | None:
    """Proposes the next trial; it has failed if it cannot even be counted."""
    number = len(self.journal.trials)
    drawn, self._first = self._first or self._draw(number), None
    if drawn is None:
      self._over = True
      return None
    arch, footprint = drawn
    error = footprint if isinstance(footprint, Exception) else None
    trial = self.journal.append(
      {
        'event': 'proposed',
        'trial': number,
        'arch': arch,
        'footprint': {} if error else footprint,
        'sources': {} if error else self._problem.sources(arch),
      }
    )
    if error is None:
      return trial
    return self.failed(number, f'footprint: {evaluation.describe(error)}')
