"""Files: written as a whole or not at all, read or refused in one line."""

from collections.abc import Iterator
import contextlib
import itertools
import json
import os
import pathlib
from typing import Any

from effnas import errors

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
  target = pathlib.Path(path)
  place = target.with_name(
    f'.new-{os.getpid()}-{next(_count)}{target.suffix[-16:]}'
  )
  try:
    yield place
    with place.open('rb') as file:
      os.fsync(file.fileno())
    place.replace(target)
  except OSError as e:
    raise unwritable(target, e) from e
  finally:
    with contextlib.suppress(OSError):
      place.unlink(missing_ok=True)


def write(path: str | os.PathLike[str], content: bytes | str) -> None:
  """Writes a file, as a whole or not at all; text in UTF-8. See `draft`."""
  data = content.encode() if isinstance(content, str) else content
  with draft(path) as place:
    place.write_bytes(data)


def write_json(
  path: str | os.PathLike[str], value: Any, *, indent: int | None = 2
) -> None:
  """Writes JSON values with sorted keys; see `draft`.

  Args:
    path: The file.
    value: JSON values, all numbers finite.
    indent: Spaces for each level; None for one line.
  """
  text = json.dumps(value, indent=indent, sort_keys=True, allow_nan=False)
  write(path, f'{text}\n')


def unwritable(path: str | os.PathLike[str], e: OSError) -> errors.UserError:
  """Returns the one line for a file that cannot be written."""
  kind = errors.MachineError if errors.of_the_machine(e) else errors.UserError
  return kind(f'cannot write {path}: {e.strerror or e}')


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
    return json.loads(text, parse_constant=_no_number)
  except RecursionError:
    raise ValueError('nested too deep') from None


def read_json(path: str | os.PathLike[str], what: str) -> Any:
  """Returns the JSON values of a file.

  Args:
    path: The file.
    what: What it should be, for the message, e.g. 'config'.

  Raises:
    UserError: It cannot be read, or is no JSON; see `parse`.
  """
  try:
    return parse(pathlib.Path(path).read_bytes())
  except OSError as e:
    raise errors.UserError(
      f'cannot read the {what} {path}: {e.strerror or e}'
    ) from None
  except ValueError as e:  # a NUL in the path, too
    raise errors.UserError(f'the {what} {path} is no JSON: {e}') from None


def _no_number(word: str) -> None:
  raise ValueError(f'{word} is no JSON number')
