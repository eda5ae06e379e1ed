"""A search that the machine ends: its trials are unfinished, not failed."""

from collections.abc import Iterator
import contextlib

from effnas import errors
from effnas.search.running import evaluation


@contextlib.contextmanager
def halting() -> Iterator[None]:
  """Tells in one line what of the machine's came through as it was.

  Raises:
    MachineError: In the place of a full disk's error, say.

  Example:
    >>> with halting():
    ...   raise OSError(30, 'Read-only file system', 'a.txt')
    Traceback (most recent call last):
    effnas.errors.MachineError: OSError: [Errno 30] Read-only file system:
      'a.txt'; make room and repeat the command
  """
  try:
    yield
  except errors.UserError:
    raise
  except Exception as e:
    if not errors.of_the_machine(e):
      raise
    raise errors.MachineError(
      f'{evaluation.describe(e)}; make room and repeat the command'
    ) from e
