"""Who may propose what, when: what makes a parallel search deterministic."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from effnas import errors
from effnas.search import draw, plain, schedulers
from effnas.search import event as event_lib
from effnas.search import journal as journal_lib
from effnas.search import problem as problem_lib
from effnas.search import proposal as proposal_lib
from effnas.search import trial as trial_lib
from effnas.search.running import evaluation

_ENDED = (
  'the process of the search ended while it ran: it crashed, hung or was killed'
)


class Conductor:
  """Hands out trials to an engine and writes what becomes of them.

  With concurrency c, trial i is proposed once the trials 0 to i - c are
  finished, and its proposal sees exactly these; so the trials of a search do
  not depend on which one finishes first. Of the trials from i - c + 1 on it
  sees what was proposed, not what became of it. Where a scheduler cannot decide
  yet it sees one more finished trial, and so on. An asynchronous search
  proposes whenever fewer than c trials run, from whatever has finished.

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
    scheduler: schedulers.Scheduler | None = None,
    retries: int = 0,
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
      scheduler: How long each trial trains; by default all of its epochs.
      retries: How often a trial is tried again whose worker was lost.
    """
    self.journal = journal
    self._problem = problem
    self._scheduler = scheduler or schedulers.load('none', {})
    self._draws = draw.Draws(
      problem, propose, max_draws, journal.trials, self._scheduler.decide
    )
    self._total = trials
    self._retries = retries
    self._concurrency = concurrency
    self._seed = seed
    self._asynchronous = asynchronous
    self._again = [t.id for t in journal.trials if not t.finished]
    self._window = 0  # the trials before it are finished
    self._over = False
    # How many more results the next proposal has to see; or, asynchronous, how
    # many in all.
    self._extra = 0
    self._first: tuple[proposal_lib.Proposal, Any] | None = None

  @property
  def exhausted(self) -> bool:
    """Whether there is nothing left to hand out."""
    may_be_lost = self._retries and self.running
    return not self._again and not may_be_lost and self._all_proposed

  @property
  def _all_proposed(self) -> bool:
    if self._first is not None:
      return False
    full = len(self.journal.trials) >= self._total
    tried = not self._scheduler.promotes and self._draws.exhausted
    return full or self._over or tried

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
      self._first = self._draw()

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
    while not self._all_proposed and self._may_propose():
      trial = self._propose()
      if trial is not None and not trial.finished:
        return trial
    return None

  def call(self, trial: trial_lib.Trial) -> dict[str, Any]:
    """Returns what `evaluation.run` has to know of a trial, as JSON values.

    Args:
      trial: A trial that was handed out.
    """
    call: dict[str, Any] = {'arch': trial.arch, 'trial': trial.id}
    if trial.epochs is not None:
      call['budget'] = {'epochs': trial.epochs}
      if trial.parent is not None:
        call['budget']['parent'] = trial.parent
    if self._scheduler.bounds is not None:
      seen = [t for t in self._visible(trial.id, 0) if t.finished]
      bounds = self._scheduler.bounds(self._problem, seen, trial)
      call['bounds'] = plain.plain(bounds)
    return call

  def take(self, number: int, message: Mapping[str, Any]) -> trial_lib.Trial:
    """Writes what an evaluation says.

    Args:
      number: The trial's id.
      message: What `evaluation.run` returned or reported.

    Returns:
      The trial as it is now.

    Raises:
      MachineError: The machine held it up; it stays unfinished.
    """
    if message['event'] == 'reported':
      return self.report(number, message['epoch'], message['metrics'])
    if message['event'] == 'done':
      return self.done(number, message['metrics'])
    if message['event'] == 'stopped':
      return self.journal.append({**message, 'trial': number})
    if message['event'] == 'lost':
      return self.lost(number, message['reason'], message['traceback'])
    if message['event'] == 'halted':
      raise errors.MachineError(
        f'trial {number} could not go on: {message["reason"]}'
      )
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

  def lost(
    self, number: int, reason: str, traceback: str = ''
  ) -> trial_lib.Trial:
    """Writes that a trial's worker is gone; it is handed out again or fails.

    Args:
      number: The trial's id.
      reason: Why, in one line.
      traceback: Where, if that is known.
    """
    tried = self.journal.trials[number].retries
    if tried >= self._retries:
      again = f' (tried {tried + 1} times)' if tried else ''
      return self.failed(number, reason + again, traceback)
    self._again.append(number)
    return self.journal.append(
      {'event': 'retried', 'trial': number, 'reason': reason}
    )

  def cut_off(self, number: int, times: int) -> None:
    """Takes note that the search itself ended while a trial ran in it.

    The trial may be to blame: it crashed, or hung and was killed. It fails
    where that has happened more often than `retries` allows; else it is handed
    out again, and nothing is written.

    Args:
      number: The trial's id; nothing happens if it has finished.
      times: How often that happened, beside what the journal holds.
    """
    trial = self.journal.trials[number]
    tried = trial.retries + times
    if number not in self._again or tried <= self._retries:
      return
    for _ in range(times - 1):
      self.journal.append(
        {'event': 'retried', 'trial': number, 'reason': _ENDED}
      )
    self._again.remove(number)
    self.failed(
      number,
      f'{_ENDED}; to try it again take this line out of trials.jsonl, and '
      f'raise search.retries (tried {tried} times)',
    )

  def _may_propose(self) -> bool:
    """Whether all that the next proposal has to see is there to be seen."""
    trials = self.journal.trials
    if self._asynchronous:
      free = self.running < self._concurrency
      return free and len(self.journal.finished) >= self._extra
    while self._window < len(trials) and trials[self._window].finished:
      self._window += 1
    return self._window >= self._seen(len(trials)) + self._extra

  def _seen(self, number: int) -> int:
    """How many trials are finished for sure when trial `number` is proposed."""
    return max(0, number - self._concurrency + 1)

  def _visible(self, number: int, extra: int) -> list[trial_lib.Trial]:
    """Returns the trials before one as it may see them, the running ones last.

    Args:
      number: The trial to be proposed.
      extra: How many more results it has to see than it would by itself.
    """
    trials = self.journal.trials
    if self._asynchronous:
      running = [t for t in trials[:number] if not t.finished]
      return [trials[i] for i in self.journal.finished] + running
    seen = self._seen(number) + extra
    return trials[:seen] + [t.untold for t in trials[seen:number]]

  def _draw(self) -> tuple[proposal_lib.Proposal, Any] | None:
    """Draws the next trial; None if it takes more results, or all is over."""
    number = len(self.journal.trials)
    visible = self._visible(number, self._extra)
    waits = True
    try:
      found = self._draws.draw(
        visible, np.random.default_rng([self._seed, number])
      )
    except proposal_lib.NothingNew:
      found, waits = None, False
    if found is not None:
      self._extra = 0
    elif any(not trial.finished for trial in visible) and (
      waits or self._scheduler.promotes
    ):
      here = len(self.journal.finished) if self._asynchronous else self._extra
      self._extra = here + 1
    elif waits:
      raise RuntimeError('the scheduler waits, but no trial runs')
    else:
      self._over = True
    return found

  def _propose(self) -> trial_lib.Trial | None:
    """Proposes the next trial; it has failed if it cannot even be counted."""
    drawn, self._first = self._first or self._draw(), None
    if drawn is None:
      return None
    made, footprint = drawn
    error = footprint if isinstance(footprint, Exception) else None
    if error is not None and errors.of_the_machine(error):
      raise error
    flaw = '' if error else event_lib.flaw(plain.plain(footprint))
    if flaw:
      error = errors.UserError(flaw)
    event = {
      'event': 'proposed',
      'trial': len(self.journal.trials),
      'arch': made.arch,
      'footprint': {} if error else footprint,
      'sources': {} if error else self._problem.sources(made.arch),
    }
    if made.epochs is not None:
      event['epochs'] = made.epochs
    if made.parent is not None:
      event['parent'] = made.parent
    trial = self.journal.append(event)
    if error is None:
      return trial
    return self.failed(trial.id, f'footprint: {evaluation.describe(error)}')
