"""What a process borrows for a while: a temporary folder, the environment."""

from collections.abc import Iterator, Mapping
import contextlib
import os
import pathlib
import shutil
import tempfile


@contextlib.contextmanager
def folder(name: str) -> Iterator[pathlib.Path]:
  """Makes a temporary folder, and removes it and what killed processes left.

  Args:
    name: What it is for; folders are shared with nobody but swept by name.

  Yields:
    Its path, short enough for sockets within (107 characters in all).
  """
  root = tempfile.gettempdir()
  root = root if len(root) < 30 else '/tmp'
  for old in pathlib.Path(root).glob(f'{name}-*-*'):
    pid = old.name.removeprefix(f'{name}-').split('-')[0]
    if pid.isdigit() and not _alive(int(pid)):
      shutil.rmtree(old, ignore_errors=True)
  path = tempfile.mkdtemp(prefix=f'{name}-{os.getpid()}-', dir=root)
  try:
    yield pathlib.Path(path)
  finally:
    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
  """Sets environment variables, and puts them back afterwards.

  Args:
    variables: Names and values.
  """
  before = {name: os.environ.get(name) for name in variables}
  os.environ.update(variables)
  try:
    yield
  finally:
    for name, value in before.items():
      if value is None:
        os.environ.pop(name, None)
      else:
        os.environ[name] = value


def _alive(pid: int) -> bool:
  try:
    os.kill(pid, 0)
  except ProcessLookupError:
    return False
  except PermissionError:
    return True
  return True
