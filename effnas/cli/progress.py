"""How long work stands, on standard error: one line that is rewritten."""

from collections.abc import Iterable, Iterator
import sys
import time
from typing import TypeVar

from effnas import terminal

T = TypeVar('T')

_EVERY = 10.0  # seconds between lines where standard error is no terminal


class Progress:
  """Counts steps; tells of them, and of the time left, only where it matters.

  In a terminal the line is rewritten at each step; elsewhere there is a line
  now and then. Use it as a context manager.
  """

  def __init__(
    self, what: str, total: int, patience: float = 0.0, before: str = ''
  ):
    """Begins to count.

    Args:
      what: What is counted, e.g. 'epoch'.
      total: How many there will be.
      patience: Seconds to wait before anything is said.
      before: What is done before the first step, e.g. 'compiling': said at
        once.
    """
    self._what = what
    self._total = total
    self._before = before
    self._patience = patience
    self._first: int | None = None
    self._start = self._said = time.monotonic()
    self._width = 0

  def __enter__(self) -> 'Progress':
    if self._before:
      self._say(f'{self._what} 0/{self._total} | {self._before} ...')
    return self

  def __exit__(self, *_: object) -> None:
    if self._width:  # the line has been left standing
      terminal.err()

  def update(self, done: int, told: str = '') -> None:
    """Says that so many steps are done.

    Args:
      done: How many, those of an earlier run included.
      told: What there is to tell of the last one.
    """
    now = time.monotonic()
    if self._first is None:
      self._first = done - 1  # what came before was not this run's work
    if now - self._start < self._patience:
      return
    last = done == self._total or now - self._said >= _EVERY
    if sys.stderr.isatty() or last:
      self._said = now
      self._say(self.line(done, told))

  def _say(self, text: str) -> None:
    text = terminal.shown(text)
    if not sys.stderr.isatty():
      terminal.err(text)
      return
    terminal.err(f'{text:{self._width}}', start='\r', end='')
    self._width = len(text)

  def line(self, done: int, told: str = '') -> str:
    """Returns the line, e.g. 'epoch 3/30 | loss 0.41 | 0:12, 1:48 left'."""
    elapsed = time.monotonic() - self._start
    timing = clock(elapsed)
    new = done - (self._first or 0)
    if new > 0 and done < self._total:
      timing += f', {clock(elapsed / new * (self._total - done))} left'
    parts = [f'{self._what} {done}/{self._total}', told, timing]
    return ' | '.join(part for part in parts if part)


def track(items: Iterable[T], what: str, total: int) -> Iterator[T]:
  """Goes through items and tells how far, where it takes long.

  Args:
    items: The items.
    what: What is counted, e.g. 'network'.
    total: How many there are.

  Yields:
    Each item.
  """
  with Progress(what, total, patience=2.0) as progress:
    for done, item in enumerate(items, 1):
      yield item
      progress.update(done)


def clock(seconds: float) -> str:
  """Returns a duration as [h:]m:ss.

  Example:
    >>> clock(75), clock(3661)
    ('1:15', '1:01:01')
  """
  minutes, rest = divmod(round(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  if hours:
    return f'{hours}:{minutes:02d}:{rest:02d}'
  return f'{minutes}:{rest:02d}'


def tell(text: str) -> None:
  """Prints a line on standard error."""
  terminal.err(text)
