"""Files of tables: rows by the names of their columns."""

import csv
import gzip
import io
import math
import pathlib
from typing import Any
import zlib

from effnas import errors, files

_CSV = ('.csv', '.csv.gz')
_MOST = 1e90  # beyond it, squares and products overflow


def is_table(path: str) -> bool:
  """Says whether a file is a table and not one arch, which is a flat object."""
  if path.endswith('.json'):
    try:
      return _is_nested(files.read_json(path, 'table'))
    except errors.UserError:
      return False  # whoever reads it as an arch says what is wrong
  return path.endswith(_CSV)


def read(path: str) -> list[dict[str, Any]]:
  """Returns the rows of a table, by the names of its columns.

  Args:
    path: A .csv file, a .csv.gz one, or a .json file with an object that maps
      each arch to its columns; 'arch' is then the first column.

  Raises:
    UserError: It cannot be read.
  """
  if path.endswith('.json'):
    found = files.read_json(path, 'table')
    if found != {} and not _is_nested(found):
      raise errors.UserError(
        f'{path} is no table: as JSON it maps each arch to its columns, '
        '{"ARCH": {"COLUMN": value, ...}, ...}'
      )
    rows = [{'arch': arch, **columns} for arch, columns in found.items()]
    for i, row in enumerate(rows):
      if row.keys() != rows[0].keys():
        raise errors.UserError(
          f'{path} is no table: its row {i} has other columns than its first'
        )
    return rows
  data = content(path)
  try:
    text = data.decode('utf-8')
    # In quotes a line may go on, and in strict no quote is left open.
    rows = list(csv.DictReader(io.StringIO(text, newline=''), strict=True))
  except (ValueError, csv.Error) as e:
    raise errors.UserError(f'{path} is no table: {e}') from None
  for i, row in enumerate(rows):
    if None in row or None in row.values():
      raise errors.UserError(
        f'{path} is no table: its row {i} has more or fewer cells than titles'
      )
  return rows


def number(value: Any) -> float:
  """Returns the number in a cell.

  Args:
    value: Of a table.

  Raises:
    ValueError: It is none, or none that can be reckoned with.

  Example:
    >>> number('2.5')
    2.5
    >>> number('1e308')
    Traceback (most recent call last):
    ValueError: no finite number up to 1e+90
  """
  try:
    found = math.nan if isinstance(value, bool) else float(value)
  except (TypeError, ValueError, OverflowError):
    found = math.nan
  if not abs(found) <= _MOST:
    raise ValueError(f'no finite number up to {_MOST:g}')
  return found


def content(path: str) -> bytes:
  """Returns what a file holds, unpacked where it ends in .gz.

  Args:
    path: The file.

  Raises:
    UserError: It cannot be read, or is damaged.
  """
  try:
    data = pathlib.Path(path).read_bytes()
    return gzip.decompress(data) if path.endswith('.gz') else data
  except (gzip.BadGzipFile, zlib.error, EOFError) as e:
    raise errors.UserError(f'{path} is damaged: {e}') from None
  except (OSError, ValueError) as e:  # a NUL in the path
    why = getattr(e, 'strerror', None) or e
    raise errors.UserError(f'cannot read {path}: {why}') from None


def _is_nested(value: Any) -> bool:
  return (
    isinstance(value, dict)
    and bool(value)
    and all(isinstance(columns, dict) for columns in value.values())
  )
