"""Files that a command is asked to write: by --out, alike in all of them."""

import os
import pathlib

from effnas import errors, files


def ready(path: str | os.PathLike[str]) -> pathlib.Path:
  """Makes the folder of a file that is to be written; before long work.

  Args:
    path: What --out says.

  Returns:
    It.

  Raises:
    UserError: It is a folder, or nothing can be written there.
  """
  file = pathlib.Path(path)
  if file.is_dir() or str(path).endswith('/'):
    raise errors.UserError(f'--out takes a file, and {path} is a folder')
  try:
    file.parent.mkdir(parents=True, exist_ok=True)
  except OSError as e:
    raise files.unwritable(file, e) from None
  if not os.access(file.parent, os.W_OK):
    raise errors.UserError(
      f'cannot write {path}: nothing can be written into its folder'
    )
  return file


def write(path: str | os.PathLike[str], content: bytes) -> None:
  """Writes such a file, as a whole or not at all; see `files.write`."""
  files.write(ready(path), content)
