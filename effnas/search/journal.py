"""trials.jsonl: the only truth of a search, one event a line.

The events, each with 'trial' (its id) and 'time' (Unix seconds):

- proposed: 'arch', 'footprint', 'sources' (of its estimates), and from a
  scheduler 'epochs' and 'parent'
- reported: 'epoch', 'metrics'
- done: 'metrics'
- failed: 'reason', and where there is one 'traceback'
- stopped: 'reason'
- retried: 'reason' why its worker was lost; it begins anew
- tested: 'metrics'

A line is written at once, so a search that is killed loses at most the line it
was writing: that is cut off, and kept in trials.jsonl.torn. Whatever else is no
event is refused; see `effnas.search.event`. Against power failure what a trial
tells is forced onto the disk, except where waiting for the disk would take
longer than the trial did: what is not there yet took less than `_SHORT` to find
out. A proposal goes there with what follows, as it comes again as it was.
"""

from collections.abc import Mapping
import contextlib
import errno
import logging
import math
import os
import pathlib
import time
from typing import Any, NoReturn

from effnas import errors, files
from effnas.search import event as event_lib
from effnas.search import plain
from effnas.search import trial as trial_lib

_log = logging.getLogger(__name__)
_SHORT = 0.1  # seconds


class Journal:
  """The journal of a search, open for appending. One writer at a time.

  Attributes:
    trials: All trials so far, in order of id.
    finished: Ids of the finished trials, in the order of their finishing.
  """

  def __init__(self, path: str | os.PathLike[str]):
    """Opens a journal, or begins one.

    Args:
      path: The file. A torn last line is cut off and kept beside, with a
        warning.

    Raises:
      UserError: A line is none of a journal, or the file is unwritable.
    """
    self._path = pathlib.Path(path)
    self._process = os.getpid()
    self._begun: dict[int, float] = {}  # unfinished trial to when
    self._unsaved: float | None = None  # when the oldest such trial began
    try:
      self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as e:
      raise _unwritable(self._path, e) from None
    try:
      data = self._path.read_bytes()
      self.trials, self.finished, self._size = _parse(data, self._path)
      self._cut(data[self._size :])
      if self._size and data[self._size - 1 : self._size] != b'\n':
        self._write(b'\n')
        self._save()
    except BaseException:
      os.close(self._file)
      raise

  def append(self, event: Mapping[str, Any]) -> trial_lib.Trial:
    """Writes one event.

    Args:
      event: The event without its time; see the module.

    Returns:
      The trial that it is about, as it is now.

    Raises:
      UserError: The disk did not take it; the journal is as it was before.
      ValueError: The event makes no sense here.
    """
    if os.getpid() != self._process:
      os._exit(1)  # a fork that went astray: nothing of the search is its own
    event = {**plain.plain(event), 'time': round(time.time(), 3)}
    trial = trial_lib.apply(self.trials, event)
    start = self._size
    self._write(event_lib.line(event))
    if self._due(trial):
      self._save(start)
    _keep(self.trials, self.finished, trial)
    return trial

  def close(self) -> None:
    """Closes the file."""
    try:
      if self._unsaved is not None:
        self._save()
    finally:
      os.close(self._file)

  def __enter__(self) -> 'Journal':
    return self

  def __exit__(self, *_: object) -> None:
    self.close()

  def _cut(self, torn: bytes) -> None:
    """Takes a torn line off the file, once it is kept elsewhere."""
    if not torn:
      return
    beside = self._path.with_name(f'{self._path.name}.torn')
    try:
      before = beside.read_bytes() if beside.exists() else b''
      files.write(beside, before + torn + b'\n')
      os.ftruncate(self._file, self._size)
    except OSError as e:
      raise _unwritable(self._path, e) from None

  def _write(self, line: bytes) -> None:
    try:
      if os.write(self._file, line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as e:
      self._refuse(e, self._size)
    self._size += len(line)

  def _due(self, trial: trial_lib.Trial) -> bool:
    """Says whether the lines have to be on the disk before it goes on."""
    now = time.monotonic()
    if trial.id == len(self.trials):
      self._begun[trial.id] = now
      return False
    # Not known of a trial that began in an earlier run, or is tested.
    begun = self._begun.get(trial.id, -math.inf)
    if trial.finished:
      self._begun.pop(trial.id, None)
    if self._unsaved is None or begun < self._unsaved:
      self._unsaved = begun
    return now - self._unsaved >= _SHORT

  def _save(self, start: int | None = None) -> None:
    """Waits until the disk has all lines.

    Args:
      start: Where the line begins that goes if the disk does not take it.
    """
    try:
      os.fsync(self._file)
    except OSError as e:
      self._refuse(e, self._size if start is None else start)
    self._unsaved = None

  def _refuse(self, error: OSError, size: int) -> NoReturn:
    with contextlib.suppress(OSError):  # a disk that has become read-only
      os.ftruncate(self._file, size)
    self._size = size
    raise _unwritable(self._path, error) from error


def read(path: str | os.PathLike[str]) -> list[trial_lib.Trial]:
  """Reads a journal without changing it; its search may be running.

  Args:
    path: The journal, or the workdir that it lies in.

  Returns:
    All trials, in order of id.

  Raises:
    UserError: There is no journal, or a line is none of a journal.
  """
  return told(path)[0]


def told(
  path: str | os.PathLike[str],
) -> tuple[list[trial_lib.Trial], list[tuple[int, dict[str, Any]]]]:
  """Reads a journal and what its lines say; see `read`.

  Returns:
    All trials, in order of id; and for each line its number, from 1, and its
    event.
  """
  path = pathlib.Path(path)
  path = path / 'trials.jsonl' if path.is_dir() else path
  try:
    data = path.read_bytes()
  except OSError as e:
    raise errors.UserError(
      f'cannot read the journal {path}: {e.strerror}'
    ) from None
  lines: list[tuple[int, dict[str, Any]]] = []
  return _parse(data, path, lines)[0], lines


def _unwritable(path: pathlib.Path, e: OSError) -> errors.UserError:
  said = f'cannot write the journal {path}: {e.strerror or e}'
  if errors.of_the_machine(e):
    return errors.MachineError(f'{said}; make room and repeat the command')
  return errors.UserError(said)


def _parse(
  data: bytes,
  path: pathlib.Path,
  said: list[tuple[int, dict[str, Any]]] | None = None,
) -> tuple[list[trial_lib.Trial], list[int], int]:
  """Returns trials, order of finishing, and the length of what holds them.

  Args:
    data: What the journal holds.
    path: Where, for messages.
    said: Receives the number and the event of each line.
  """
  trials: list[trial_lib.Trial] = []
  finished: list[int] = []
  good = 0
  lines = data.split(b'\n')
  last = lines.pop()
  ended = [line + b'\n' for line in lines]
  for number, line in enumerate([*ended, last] if last else ended, 1):
    if line is last and event_lib.torn(line):
      _log.warning(
        '%s line %d is torn and was dropped: %r', path, number, line[:80]
      )
      break
    try:
      event = event_lib.parse(line)
    except ValueError as e:
      raise errors.UserError(
        f'{path} line {number} is corrupt: {str(e)[:120]}; mend or remove that '
        'line'
      ) from None
    try:
      event_lib.check(event)
      trial = trial_lib.apply(trials, event)
    except (KeyError, ValueError) as e:
      why = f'it lacks {e}' if isinstance(e, KeyError) else str(e)[:160]
      raise errors.UserError(
        f'{path} line {number} makes no sense: {why}'
      ) from None
    _keep(trials, finished, trial)
    if said is not None:
      said.append((number, event))
    good += len(line)
  return trials, finished, good


def _keep(
  trials: list[trial_lib.Trial], finished: list[int], trial: trial_lib.Trial
) -> None:
  if trial.id == len(trials):
    trials.append(trial)
    return
  if trial.finished and not trials[trial.id].finished:
    finished.append(trial.id)
  trials[trial.id] = trial
