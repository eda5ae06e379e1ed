"""Tables and JSON on standard output."""

from collections.abc import Sequence
import json
import sys
from typing import Any

from effnas import terminal


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
  """Prints a table; where the output is no terminal, in plain text.

  Columns of figures stand to the right and are never cut or broken; text is
  folded where a terminal is narrow.

  Args:
    columns: Titles.
    rows: Cells of each row; whole numbers are grouped by thousands.
  """
  from rich import box, measure
  from rich import console as consoles
  from rich import table as tables
  from rich import text as texts

  columns = [terminal.shown(title) for title in columns]
  cells = [[_cell(value) for value in row] for row in rows]
  made = tables.Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
  for i, title in enumerate(columns):
    figures = bool(cells) and all(_figure(row[i]) for row in cells)
    widest = max(len(text) for text in [title, *(row[i] for row in cells)])
    made.add_column(
      texts.Text(title),
      justify='right' if figures else 'left',
      no_wrap=figures,
      min_width=widest if figures else None,
      overflow='fold',
    )
  for row in cells:
    made.add_row(*map(texts.Text, row))
  console = consoles.Console(file=sys.stdout, highlight=False)
  size = measure.Measurement.get(
    console, console.options.update(width=10_000), made
  )
  least = size.minimum if console.is_terminal else size.maximum
  console.width = max(least, console.width)
  with terminal.writing(), console.capture() as capture:
    console.print(made)
  lines = capture.get().splitlines()
  terminal.put(''.join(f'{line.rstrip()}\n' for line in lines))


def as_json(value: Any) -> None:
  """Prints JSON values.

  Args:
    value: JSON values.
  """
  terminal.put(f'{json.dumps(value, indent=2, allow_nan=False)}\n')


def _cell(value: Any) -> str:
  if isinstance(value, int) and not isinstance(value, bool):
    return f'{value:,}'
  return '-' if value is None else terminal.shown(value)


def _figure(text: str) -> bool:
  return text == '-' or text[:1].isdigit()
