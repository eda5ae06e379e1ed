"""The rows of the experiment, in a file that is whole at any time."""

from collections.abc import Mapping, Sequence
import json
import pathlib
from typing import Any

from effnas import errors, files


def read(path: pathlib.Path) -> list[dict[str, Any]]:
  """Returns the rows of a file; none where there is no file.

  Args:
    path: Of results.json.

  Raises:
    UserError: It is not such a file.
  """
  if not path.is_file():
    return []
  try:
    rows = json.loads(path.read_text(encoding='utf-8'))['rows']
    return [dict(row) for row in rows]
  except (ValueError, KeyError, TypeError) as error:
    raise errors.UserError(
      f'{path} holds no rows of this experiment ({error}); move it away'
    ) from error


def write(path: pathlib.Path, rows: Sequence[Mapping[str, Any]]) -> None:
  """Writes rows; see `dump`."""
  dump(path, {'rows': rows})


def dump(path: pathlib.Path, value: Any) -> None:
  """Writes a JSON file that is there as a whole or not at all."""
  files.made(path.parent)
  files.write(path, json.dumps(value, indent=2) + '\n')


def put(
  rows: Sequence[dict[str, Any]], row: dict[str, Any], order: Sequence[str]
) -> list[dict[str, Any]]:
  """Returns rows with one more, in place of the one of the same cell.

  Args:
    rows: Those so far.
    row: The new one.
    order: Names of techniques, in the order of the table.
  """
  kept = [other for other in rows if cell(other) != cell(row)]

  def rank(one):
    name = one['technique']
    known = name in order
    place = order.index(name) if known else len(order)
    return one['network'], one['seed'], place, name

  return sorted([*kept, row], key=rank)


def plain(value: Any) -> Any:
  """Returns a value as a JSON file gives it back."""
  return json.loads(json.dumps(value))


def cell(row: Mapping[str, Any]) -> tuple[str, str, int]:
  """Returns what tells a row from all others."""
  return row['network'], row['technique'], row['seed']
