"""trials.jsonl: the only truth of a search, one event a line.

The events, each with 'trial' (its id) and 'time' (Unix seconds):

- proposed: 'arch', 'footprint', 'sources' (of its estimates)
- reported: 'epoch', 'metrics'
- done: 'metrics'
- failed: 'reason', and where there is one 'traceback'
- tested: 'metrics'

A line is written at once and is on the disk before the search goes on, so a
search that is killed loses at most the line it was writing.
"""

from collections.abc import Mapping
import json
import logging
import os
import pathlib
import time
from typing import Any

from effnas import errors
from effnas.search import plain
from effnas.search import trial as trial_lib

_log = logging.getLogger(__name__)


class Journal:
  """The journal of a search, open for appending. One writer at a time.

  Attributes:
    trials: All trials so far, in order of id.
    finished: Ids of the finished trials, in the order of their finishing.
  """

  def __init__(self, path: str | os.PathLike[str]):
    """Opens a journal, or begins one.

    Args:
      path: The file. A torn last line is cut off, with a warning.

    Raises:
      UserError: A line before the last is corrupt, or the file is unwritable.
    """
    self._path = pathlib.Path(path)
    try:
      self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as e:
      raise errors.UserError(
        f'cannot write the journal {path}: {e.strerror}'
      ) from None
    try:
      data = self._path.read_bytes()
      self.trials, self.finished, self._size = _parse(data, self._path)
      os.ftruncate(self._file, self._size)
      if self._size and data[self._size - 1 : self._size] != b'\n':
        self._write(b'\n')
    except BaseException:
      os.close(self._file)
      raise

  def append(self, event: Mapping[str, Any]) -> trial_lib.Trial:
    """Writes one event, and waits until the disk has it.

    Args:
      event: The event without its time; see the module.

    Returns:
      The trial that it is about, as it is now.

    Raises:
      UserError: The disk did not take it; the journal is as it was before.
      ValueError: The event makes no sense here.
    """
    event = {**plain.plain(event), 'time': round(time.time(), 3)}
    trial = trial_lib.apply(self.trials, event)
    self._write(json.dumps(event, allow_nan=False).encode() + b'\n')
    _keep(self.trials, self.finished, trial)
    return trial

  def close(self) -> None:
    """Closes the file."""
    os.close(self._file)

  def __enter__(self) -> 'Journal':
    return self

  def __exit__(self, *_: object) -> None:
    self.close()

  def _write(self, line: bytes) -> None:
    try:
      if os.write(self._file, line) != len(line):
        raise OSError(0, 'no space left')
      os.fsync(self._file)
    except OSError as e:
      os.ftruncate(self._file, self._size)
      raise errors.UserError(
        f'cannot write the journal {self._path}: {e.strerror}'
      ) from e
    self._size += len(line)


def read(path: str | os.PathLike[str]) -> list[trial_lib.Trial]:
  """Reads a journal without changing it; its search may be running.

  Args:
    path: The journal, or the workdir that it lies in.

  Returns:
    All trials, in order of id.

  Raises:
    UserError: There is no journal, or a line before the last is corrupt.
  """
  path = pathlib.Path(path)
  path = path / 'trials.jsonl' if path.is_dir() else path
  try:
    data = path.read_bytes()
  except OSError as e:
    raise errors.UserError(
      f'cannot read the journal {path}: {e.strerror}'
    ) from None
  return _parse(data, path)[0]


def _parse(
  data: bytes, path: pathlib.Path
) -> tuple[list[trial_lib.Trial], list[int], int]:
  """Returns trials, order of finishing, and the length of what holds them."""
  trials: list[trial_lib.Trial] = []
  finished: list[int] = []
  good = 0
  lines = data.splitlines(keepends=True)
  for number, line in enumerate(lines, 1):
    try:
      event = _event(line)
    except ValueError as e:
      if number < len(lines):
        raise errors.UserError(
          f'{path} line {number} is corrupt: {e}; mend or remove that line'
        ) from None
      _log.warning(
        '%s line %d is torn and was dropped: %r', path, number, line[:80]
      )
      break
    try:
      trial = trial_lib.apply(trials, event)
    except (KeyError, TypeError, ValueError) as e:
      why = f'it lacks {e}' if isinstance(e, KeyError) else e
      raise errors.UserError(
        f'{path} line {number} makes no sense: {why}'
      ) from None
    _keep(trials, finished, trial)
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


def _event(line: bytes) -> dict[str, Any]:
  event = json.loads(line)
  if not isinstance(event, dict):
    raise ValueError('it is not a JSON object')
  return event
