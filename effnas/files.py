"""Files: written as a whole or not at all, read or refused in one line."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
import contextlib
import csv
import io
import itertools
import json
import os
import pathlib
from typing import Any

from effnas import errors

_DEEPEST = 100  # levels of JSON
_count = itertools.count()  # drafts of one process never meet


@contextlib.contextmanager
def draft(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
  """Lends a place beside a file; what is written there is moved into place.

  Args:
    path: The file. Its folder must be there; an older file stays until the new
      one is whole.

  Yields:
    A path to write to, of the same ending, in the same folder.

  Raises:
    UserError: It cannot be written; `MachineError` where that is the machine's
      fault. Nothing half-written stays.

  Example:
    >>> import tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with draft(folder / 'a.txt') as place:
    ...   _ = place.write_text('whole')
    >>> [file.name for file in folder.iterdir()]
    ['a.txt']
  """
  target = _target(path)
  if _stream(target):  # it cannot be replaced
    try:
      yield target
    except OSError as e:
      raise unwritable(path, e) from e
    return
  if target.is_dir():
    raise errors.UserError(f'cannot write {path}: it is a folder')
  place = target.with_name(
    f'.new-{os.getpid()}-{next(_count)}{target.suffix[-16:]}'
  )
  try:
    yield place
    _sync(place)
    place.replace(target)
  except OSError as e:
    raise unwritable(path, e) from e
  finally:
    with contextlib.suppress(OSError):
      place.unlink(missing_ok=True)


def write(path: str | os.PathLike[str], content: bytes | str) -> None:
  """Writes a file, as a whole or not at all; text in UTF-8. See `draft`."""
  write_all({path: content})


def write_all(
  contents: Mapping[str | os.PathLike[str], bytes | str],
) -> None:
  """Writes files that belong together: all of them, or none. See `draft`.

  Args:
    contents: By path; text in UTF-8.
  """
  with contextlib.ExitStack() as drafts:
    for path, content in contents.items():
      if isinstance(content, str):
        # Half a character, which UTF-8 lacks, is written as its escape.
        content = content.encode(errors='backslashreplace')  # noqa: PLW2901
      place = drafts.enter_context(draft(path))
      place.write_bytes(content)
      if not _stream(place):
        _sync(place)  # what does not fit is told before anything moves


def table(rows: Iterable[Sequence[Any]]) -> str:
  r"""Returns rows as CSV.

  Args:
    rows: The titles first.

  Example:
    >>> table([['a', 'b'], [1, 'x,y']])
    'a,b\n1,"x,y"\n'
  """
  text = io.StringIO()
  csv.writer(text, lineterminator='\n').writerows(rows)
  return text.getvalue()


def made(folder: str | os.PathLike[str]) -> pathlib.Path:
  """Makes a folder, and those around it, where it is not there.

  Args:
    folder: The folder.

  Raises:
    UserError: It cannot be made; see `draft`.
  """
  try:
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
  except (OSError, ValueError) as e:  # a NUL in the path
    raise _refused(f'make the folder {folder}', e) from e
  return pathlib.Path(folder)


def write_json(
  path: str | os.PathLike[str], value: Any, *, indent: int | None = 2
) -> None:
  """Writes JSON values with sorted keys; see `draft`.

  Args:
    path: The file.
    value: JSON values, all numbers finite.
    indent: Spaces for each level; None for one line.
  """
  try:
    text = json.dumps(value, indent=indent, sort_keys=True, allow_nan=False)
  except RecursionError:
    raise errors.UserError(f'cannot write {path}: nested too deep') from None
  write(path, f'{text}\n')


def unwritable(path: str | os.PathLike[str], e: Exception) -> errors.UserError:
  """Returns the one line for a file that cannot be written."""
  return _refused(f'write {path}', e)


def _refused(what: str, e: Exception) -> errors.UserError:
  kind = errors.MachineError if errors.of_the_machine(e) else errors.UserError
  return kind(f'cannot {what}: {getattr(e, "strerror", None) or e}')


def _target(path: str | os.PathLike[str]) -> pathlib.Path:
  """Returns where a file really lies: a link to it stays one."""
  try:
    found = pathlib.Path(os.path.abspath(path))
    if not _stream(found):
      found = pathlib.Path(os.path.realpath(path))
    if not pathlib.PurePath(path).name:
      raise ValueError('that names no file')
  except (OSError, ValueError) as e:
    raise unwritable(path, e) from e
  return found


def _stream(path: pathlib.Path) -> bool:
  """Whether a path is a pipe, a device or one of a process's open files."""
  if path.parts[1:2] == ('proc',) or path.parent == pathlib.Path('/dev'):
    return True
  return path.exists() and not (path.is_file() or path.is_dir())


def _sync(path: pathlib.Path) -> None:
  with path.open('rb') as file:
    os.fsync(file.fileno())


def parse(text: bytes | str) -> Any:
  """Returns the JSON values of a text from anywhere.

  Args:
    text: The text; bytes in UTF-8, -16 or -32.

  Raises:
    ValueError: It is no JSON, is nested too deep to be read, or holds a number
      that JSON has no word for (NaN, Infinity).

  Example:
    >>> parse('[1, 2.5]')
    [1, 2.5]
    >>> parse('[' * 100_000)
    Traceback (most recent call last):
    ValueError: nested too deep
  """
  try:
    found = json.loads(text, parse_constant=_no_number)
  except RecursionError:
    raise ValueError('nested too deep') from None
  # Whoever walks through the values need not count their levels.
  level = [found] if isinstance(found, dict | list) else []
  for _ in range(_DEEPEST):
    inner = [v.values() if isinstance(v, dict) else v for v in level]
    level = [v for some in inner for v in some if isinstance(v, dict | list)]
    if not level:
      return found
  raise ValueError('nested too deep')


def read_json(path: str | os.PathLike[str], what: str) -> Any:
  """Returns the JSON values of a file.

  Args:
    path: The file.
    what: What it should be, for the message, e.g. 'config'.

  Raises:
    UserError: It cannot be read, or is no JSON; see `parse`.
  """
  try:
    data = pathlib.Path(path).read_bytes()
  except (OSError, ValueError) as e:  # a NUL in the path
    why = getattr(e, 'strerror', None) or e
    raise errors.UserError(f'cannot read the {what} {path}: {why}') from None
  try:
    return parse(data)
  except ValueError as e:
    raise errors.UserError(f'the {what} {path} is no JSON: {e}') from None


def _no_number(word: str) -> None:
  raise ValueError(f'{word} is no JSON number')
