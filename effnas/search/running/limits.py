"""Limits of time and memory that hold whatever an evaluation does.

A training that reports is told so at its next report. One that hangs is ended
with its process, and says beforehand, in a file, why: its last words. They lie
in the workdir, which all machines of a search share.
"""

from collections.abc import Iterator
import contextlib
import faulthandler
import os
import pathlib
import threading
from typing import IO, NamedTuple

_GRACE_S = 2.0  # to end at a report, before the process is ended
_LOOK_S = 0.2
_STATM = pathlib.Path('/proc/self/statm')
_MEMORY = 'took '


class Limits(NamedTuple):
  """What one evaluation may take.

  Attributes:
    time_s: Seconds; None is no limit.
    memory_bytes: Resident memory of its process; None is no limit.
  """

  time_s: float | None = None
  memory_bytes: int | None = None

  def overdue(self, seconds: float) -> str:
    """Says in one line that an evaluation takes too long, '' if it does not.

    Args:
      seconds: What it has taken so far.

    Example:
      >>> Limits(time_s=60).overdue(61)
      'took longer than search.time_limit_s 60'
    """
    if self.time_s is None or seconds <= self.time_s:
      return ''
    return f'took longer than search.time_limit_s {self.time_s:g}'


NONE = Limits()


def measurable() -> bool:
  """Says whether this system tells a process its resident memory."""
  return _STATM.exists()


def resident() -> int:
  """Returns the resident memory of this process in bytes."""
  return int(_STATM.read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')


@contextlib.contextmanager
def held(limits: Limits, words: pathlib.Path) -> Iterator[None]:
  """Ends this process where what is done within breaks a limit.

  Time is kept by a thread that no Python code can hold up, not even code that
  does not release the interpreter.

  Args:
    limits: The limits.
    words: The file for its last words.
  """
  if limits == NONE:
    yield
    return
  words.parent.mkdir(parents=True, exist_ok=True)
  with words.open('w') as file:
    done = threading.Event()
    if limits.time_s is not None:
      faulthandler.dump_traceback_later(
        limits.time_s + _GRACE_S, exit=True, file=file
      )
    if limits.memory_bytes is not None:
      threading.Thread(
        target=_watch, args=(limits.memory_bytes, file, done), daemon=True
      ).start()
    try:
      yield
    finally:
      done.set()
      faulthandler.cancel_dump_traceback_later()
  words.unlink(missing_ok=True)


def last_words(limits: Limits, words: pathlib.Path) -> tuple[str, str]:
  """Returns why a process was ended, and where it was; takes the file away.

  Args:
    limits: The limits that it was held to.
    words: The file.

  Returns:
    A reason in one line and a traceback; both '' where it said nothing.
  """
  try:
    text = words.read_text(encoding='utf-8', errors='replace')
  except OSError:
    return '', ''
  words.unlink(missing_ok=True)
  first, _, where = text.partition('\n')
  if first.startswith('Timeout') and limits.time_s is not None:
    return limits.overdue(float('inf')), where
  return (first, where) if first.startswith(_MEMORY) else ('', '')


def _watch(limit: int, file: IO[str], done: threading.Event) -> None:
  while not done.wait(_LOOK_S):
    if (taken := resident()) > limit:
      file.write(
        f'{_MEMORY}{taken:,} bytes of memory, more than '
        f'search.memory_limit_bytes {limit:,}\n'
      )
      file.flush()
      faulthandler.dump_traceback(file)
      os._exit(1)  # no cleaning up: it may be what hangs
