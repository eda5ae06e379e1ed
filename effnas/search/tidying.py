"""Leaving no workdir behind where nothing has been run."""

from collections.abc import Callable, Iterator
import contextlib
import os
import pathlib
import shutil

from effnas import errors


@contextlib.contextmanager
def tidy(
  path: str | os.PathLike[str], begun: Callable[[pathlib.Path], bool]
) -> Iterator[None]:
  """Removes a workdir that bad input stopped before anything was run in it.

  Args:
    path: The workdir. One that held anything before is left alone.
    begun: Whether it holds something that took work by now, and stays.

  Yields:
    Nothing.
  """
  folder = pathlib.Path(path).absolute()
  made = [f for f in (folder, *folder.parents) if not f.exists()]
  empty = folder.is_dir() and not any(folder.iterdir())
  try:
    yield
  except errors.UserError:
    if begun(folder):
      raise
    if made and folder.is_dir():
      shutil.rmtree(folder)
    elif empty:
      for file in folder.iterdir():
        file.unlink() if file.is_file() else shutil.rmtree(file)
    for parent in made[1:]:
      with contextlib.suppress(OSError):  # not there, or in use by now
        parent.rmdir()
    raise
