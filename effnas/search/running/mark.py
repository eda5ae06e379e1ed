"""A mark of what runs in this process, which stays if the process vanishes.

No memory outlives a crash, so the mark is a file. It is written over in place:
once it is there, no full disk keeps it from being changed.
"""

import contextlib
import os
import pathlib
from typing import NamedTuple

from effnas import files

_WIDTH = 60
_NONE = b' ' * _WIDTH


class Running(NamedTuple):
  """What runs.

  Attributes:
    trial: Its id.
    tried: How often it took a process along before, and got no further.
    reached: The last epoch that it had told of when it began.
  """

  trial: int
  tried: int = 0
  reached: int = 0


class Mark:
  """Says what runs; use it as a context manager.

  An error takes the mark away, for the process lives to tell. Where it is
  interrupted or killed the mark stays.

  Attributes:
    left: What ran when an earlier process vanished; None if nothing did.
  """

  def __init__(self, path: pathlib.Path):
    """Looks at what an earlier process has left.

    Args:
      path: The file.

    Raises:
      UserError: It cannot be written.
    """
    self._path = path
    try:
      self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
      said = os.pread(self._file, _WIDTH, 0).split()
      if not said:
        self._write(_NONE)
    except OSError as e:
      raise files.unwritable(path, e) from None
    known = len(said) == len(Running._fields) and b''.join(said).isdigit()
    self.left = Running(*map(int, said)) if known else None

  def set(self, running: Running) -> None:
    """Says what runs from now on."""
    self._write(' '.join(map(str, running)).encode().ljust(_WIDTH))

  def __enter__(self) -> 'Mark':
    return self

  def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
    if kind is None or issubclass(kind, Exception):
      with contextlib.suppress(OSError):
        self._write(_NONE)
        self._path.unlink(missing_ok=True)
    os.close(self._file)

  def _write(self, text: bytes) -> None:
    os.pwrite(self._file, text, 0)
