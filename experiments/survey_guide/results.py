"""The results, in a file that is whole at any time."""

from collections.abc import Mapping
import json
import pathlib
from typing import Any

import cells

from effnas import errors, files


def read(path: pathlib.Path) -> dict[str, Any]:
  """Returns what a file holds: 'networks' and 'cells', both maybe empty.

  Args:
    path: Of results.json.

  Raises:
    UserError: It is not such a file.
  """
  if not path.is_file():
    return {'networks': {}, 'cells': []}
  try:
    found = json.loads(path.read_text(encoding='utf-8'))
    for row in found['cells']:
      cells.of(row)
    return {'networks': dict(found['networks']), 'cells': found['cells']}
  except (ValueError, KeyError, TypeError) as error:
    raise errors.UserError(
      f'{path} holds no cells of this experiment ({error}); move it away'
    ) from error


def write(path: pathlib.Path, value: Any) -> None:
  """Writes a JSON file that is there as a whole or not at all."""
  files.made(path.parent)
  files.write(path, json.dumps(value, indent=1) + '\n')


def find(results: Mapping[str, Any], cell: cells.Cell) -> dict[str, Any] | None:
  """Returns the row of a cell, or None."""
  return next((r for r in results['cells'] if cells.of(r) == cell), None)


def put(results: dict[str, Any], row: dict[str, Any]) -> None:
  """Puts a row in, in place of the one of the same cell."""
  kept = [r for r in results['cells'] if cells.of(r) != cells.of(row)]
  order = cells.names()

  def rank(one):
    cell = cells.of(one)
    return order.index(cell.name), cell.epochs, cell.folder, cell.seed

  results['cells'] = sorted([*kept, row], key=rank)
