"""How a running search stands, on standard error."""

from collections.abc import Sequence
import sys
import time
from typing import Any

import numpy as np

from effnas import terminal
from effnas.search import journal as journal_lib
from effnas.search import metrics
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib

_EVERY = 10.0  # seconds between lines where standard error is no terminal


class Progress:
  """A live line in a terminal, elsewhere a line now and then.

  Use it as a context manager, and call `update` whenever a trial changed.
  """

  def __init__(
    self,
    total: int,
    objectives: Sequence[str],
    journal: journal_lib.Journal,
  ):
    """Begins to count.

    Args:
      total: How many trials there shall be.
      objectives: Names of the metrics that are searched for.
      journal: Where the trials are, those of earlier runs too.
    """
    self._journal = journal
    self._total = total
    self._objectives = objectives
    self._up = [metrics.parse(name).maximize for name in objectives]
    self._front = np.zeros((0, len(objectives)))
    self._best = np.full(len(objectives), np.inf)
    self._counts = {'done': 0, 'failed': 0, 'stopped': 0}
    self._seen = 0  # how many of the finished trials are counted
    self._look()
    self._before = self._seen
    self._start = self._said = time.monotonic()
    self._live: Any = None

  def __enter__(self) -> 'Progress':
    if sys.stderr.isatty():
      from rich import console, live, text

      self._live = live.Live(
        console=console.Console(stderr=True),
        get_renderable=lambda: text.Text(
          terminal.shown(self.line()), no_wrap=True
        ),
        refresh_per_second=2,
      )
      self._live.start()
    return self

  def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
    if self._live is not None:
      self._live.stop()
    elif kind is None:  # an error is told alone
      terminal.err(self.line())

  def update(self) -> None:
    """Takes note of what the journal says now."""
    news = self._look()
    now = time.monotonic()
    if self._live is None and news and now - self._said >= _EVERY:
      self._said = now
      terminal.err(self.line())

  def line(self) -> str:
    """Returns the line, e.g. '3/8 trials | best params 99 | front 1 | 0:12'."""
    parts = [f'{self._seen}/{self._total} trials']
    for status in ('failed', 'stopped'):
      if self._counts[status]:
        parts.append(f'{self._counts[status]} {status}')
    if len(self._front):
      best = np.where(self._up, -self._best, self._best)
      said = zip(self._objectives, best, strict=True)
      parts.append(f'best {", ".join(f"{n} {v:.5g}" for n, v in said)}')
      parts.append(f'front {len(self._front)}')
    elapsed = time.monotonic() - self._start
    clock = _clock(elapsed)
    new = self._seen - self._before
    if new and self._seen < self._total:
      clock += f', {_clock(elapsed / new * (self._total - self._seen))} left'
    return ' | '.join([*parts, clock])

  def _look(self) -> bool:
    """Counts what has finished since; whether anything has."""
    new = self._journal.finished[self._seen :]
    for number in new:
      self._count(self._journal.trials[number])
    self._seen += len(new)
    return bool(new)

  def _count(self, trial: trial_lib.Trial) -> None:
    self._counts[trial.status] += 1
    if trial.status != 'done':
      return
    score = problem_lib.scores([trial], self._objectives)
    self._best = np.minimum(self._best, score[0])
    if (self._front <= score).all(axis=1).any():
      if (self._front == score).all(axis=1).any():  # an equal is no worse
        self._front = np.append(self._front, score, axis=0)
      return
    stay = ~(score <= self._front).all(axis=1)
    self._front = np.append(self._front[stay], score, axis=0)


def _clock(seconds: float) -> str:
  """Returns a duration as [h:]m:ss."""
  minutes, rest = divmod(round(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  if hours:
    return f'{hours}:{minutes:02d}:{rest:02d}'
  return f'{minutes}:{rest:02d}'
