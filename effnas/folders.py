"""The user's own folders: what effnas keeps between runs."""

import os
import pathlib
import stat


def cache(name: str) -> pathlib.Path | None:
  """Makes and returns a folder for what can be had again.

  What lies there may be executed or believed, so it is the user's alone.

  Args:
    name: Of the folder in effnas's cache, `$XDG_CACHE_HOME/effnas`.

  Returns:
    The folder, mode 700, or None where none can be had: no place to write, a
    link, another user's.
  """
  found = _base('XDG_CACHE_HOME', '.cache') / name
  try:
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = found.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
      return None
    found.chmod(0o700)
  except OSError:
    return None
  return found


def data(name: str) -> pathlib.Path:
  """Returns a folder for what the user made, which need not be there yet.

  Args:
    name: Of the folder in effnas's data, `$XDG_DATA_HOME/effnas`.
  """
  return _base('XDG_DATA_HOME', '.local/share') / name


def _base(variable: str, default: str) -> pathlib.Path:
  chosen = os.environ.get(variable)
  return (pathlib.Path(chosen or pathlib.Path.home() / default)) / 'effnas'
