"""Public tables of architectures: rows of their files as archs."""

from collections.abc import Callable, Mapping
from typing import Any

from effnas import errors


def is_table(path: str) -> bool:
  """Says whether a file is a table and not one arch, which is a flat object."""
  from effnas.footprint import tables

  return tables.is_table(path)


def read(path: str) -> list[dict[str, Any]]:
  """Returns the rows of a table, see `effnas.footprint.tables.read`."""
  from effnas.footprint import tables

  return tables.read(path)


def as_archs(space_name: str) -> Callable[[Mapping[str, str]], dict[str, Any]]:
  """Returns what makes an arch of a row, for a space that a table uses.

  Args:
    space_name: One of the zoo's, or 'module:function'; the function `arch`
      of the same module does it.

  Raises:
    UserError: The module has none.
  """
  from effnas import zoo

  function = zoo.of_space(space_name, 'arch')
  if function is None:
    known = [n for n in zoo.spaces() if zoo.of_space(n, 'arch')]
    raise errors.UserError(
      f'no table is known for the space {space_name!r}; there are tables of '
      f'{", ".join(known)}'
    )

  def arch(row: Mapping[str, str]) -> dict[str, Any]:
    try:
      return function(row)
    except KeyError as e:
      raise errors.UserError(
        f'the table lacks the column {e}, which {space_name} needs'
      ) from None
    except (TypeError, ValueError) as e:
      raise errors.UserError(f'a row is no arch of {space_name}: {e}') from None

  return arch


def pick(path: str, number: int | None, space_name: str) -> dict[str, Any]:
  """Returns the arch of one row of a table.

  Args:
    path: The table.
    number: Of the row, from 0.
    space_name: The space that the table uses.

  Raises:
    UserError: There is no such row, or it is no arch of the space.
  """
  rows = read(path)
  if number is None or not 0 <= number < len(rows):
    given = '' if number is None else f'; got {number}'
    raise errors.UserError(
      f'--row says which row of {path}: 0 to {len(rows) - 1}{given}'
    )
  return as_archs(space_name)(rows[number])
