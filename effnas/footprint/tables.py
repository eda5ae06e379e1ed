"""Files of tables: rows by the names of their columns."""

import csv
import gzip
import json
import pathlib
from typing import Any

from effnas import errors

_CSV = ('.csv', '.csv.gz')


def is_table(path: str) -> bool:
  """Says whether a file is a table and not one arch, which is a flat object."""
  if path.endswith('.json'):
    try:
      found = json.loads(pathlib.Path(path).read_bytes())
    except (OSError, ValueError):
      return False  # whoever reads it as an arch says what is wrong
    return _is_nested(found)
  return path.endswith(_CSV)


def read(path: str) -> list[dict[str, Any]]:
  """Returns the rows of a table, by the names of its columns.

  Args:
    path: A .csv file, a .csv.gz one, or a .json file with an object that maps
      each arch to its columns; 'arch' is then the first column.

  Raises:
    UserError: It cannot be read.
  """
  file = pathlib.Path(path)
  try:
    data = file.read_bytes()
    if file.suffix == '.gz':
      data = gzip.decompress(data)
    if file.suffix == '.json':
      found = json.loads(data)
      return [{'arch': arch, **columns} for arch, columns in found.items()]
    return list(csv.DictReader(data.decode('utf-8').splitlines()))
  except OSError as e:
    raise errors.UserError(f'cannot read {path}: {e.strerror or e}') from None
  except (ValueError, csv.Error, EOFError) as e:
    raise errors.UserError(f'{path} is no table: {e}') from None


def _is_nested(value: Any) -> bool:
  return (
    isinstance(value, dict)
    and bool(value)
    and all(isinstance(columns, dict) for columns in value.values())
  )
