"""What a process borrows for a while: a temporary folder, the environment."""

from collections.abc import Iterator, Mapping
import contextlib
import os
import pathlib
import shutil
import tempfile

_SOCKET = 107  # characters of its path


@contextlib.contextmanager
def folder(name: str, within: int = 47) -> Iterator[pathlib.Path]:
  """Makes a temporary folder, and removes it and what killed processes left.

  Args:
    name: What it is for; folders are swept by name, and nobody else may look
      into them.
    within: The characters of the longest path of a socket within.

  Yields:
    Its path, short enough for sockets (107 characters in all).
  """
  root = tempfile.gettempdir()
  own = len(f'/{name}-{os.getpid()}-') + 8
  root = root if len(root) + own + within <= _SOCKET else '/tmp'
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
