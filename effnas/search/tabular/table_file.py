"""Reading the published file of a tabular benchmark."""

from collections.abc import Callable, Mapping, Sequence
import hashlib
import os
import pathlib
from typing import Any

import numpy as np

from effnas import errors
from effnas.data import source
from effnas.footprint import tables
from effnas.search import plain

Rows = Sequence[Mapping[str, Any]]


def read(
  path: str | os.PathLike[str], sha256: str, verify: bool, licence: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
  """Reads a table whose content is known by its checksum.

  Args:
    path: A .csv, .csv.gz or .json file, see `effnas.footprint.tables`.
    sha256: Of the published content, unpacked.
    verify: Whether another checksum stops.
    licence: Who made it, and the licence, for the record.

  Returns:
    The rows, and the provenance.

  Raises:
    UserError: It cannot be read, or is another file.
  """
  file = pathlib.Path(path).expanduser()
  digest = hashlib.sha256(tables.content(str(file))).hexdigest()
  record = source.check(file, digest, sha256, verify=False)
  if verify and not record['verified']:
    raise errors.UserError(
      f'{file}: sha256 {digest[:12]}... of its content is not the published '
      f'{sha256[:12]}...; replace the file, or accept it with verify=False'
    )
  return tables.read(str(file)), source.record([record], licence=licence)


def archs(
  rows: Rows, arch: Callable[[Any], dict[str, Any]], path: object
) -> list[dict[str, Any]]:
  """Returns the architecture of each row.

  Args:
    rows: The rows.
    arch: From a row to its architecture.
    path: The file, for errors.

  Raises:
    UserError: There are no rows, or one says no architecture.
  """
  found = []
  for number, row in enumerate(rows, 1):
    try:
      found.append(arch(row))
    except KeyError as e:
      raise errors.UserError(f'{path} has no column {e}') from None
    except ValueError as e:  # that of a zoo's family among them
      raise errors.UserError(f'{path}, row {number}: {e}') from None
  if not found:
    raise errors.UserError(f'{path} has no rows')
  return found


def column(
  rows: Rows, name: str, path: object, scale: float = 1.0
) -> np.ndarray:
  """Returns the numbers of a column.

  Args:
    rows: The rows.
    name: Of the column.
    path: The file, for errors.
    scale: What a number is multiplied with.

  Returns:
    Shape (rows,), nan where a row has none.

  Raises:
    UserError: There is no such column, or it does not hold numbers.
  """
  found = np.empty(len(rows))
  for i, row in enumerate(rows):
    value = row.get(name)
    if value is None:
      raise errors.UserError(f'{path}, row {i + 1}: no column {name!r}')
    try:
      empty = str(value).lower() in ('', 'nan')
      found[i] = np.nan if empty else tables.number(value) * scale
    except ValueError as e:
      raise errors.UserError(
        f'{path}, row {i + 1}: {name} is {e}: {value!r}'
      ) from None
  return found


def distinct(
  rows: Sequence[dict[str, Any]], archs: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
  """Leaves out rows about a network that an earlier row is about.

  Args:
    rows: The rows.
    archs: Their architectures.

  Returns:
    Rows and architectures that are left.
  """
  first: dict[str, int] = {}
  for i, arch in enumerate(archs):
    first.setdefault(plain.key(arch), i)
  kept = list(first.values())
  return [rows[i] for i in kept], [archs[i] for i in kept]
