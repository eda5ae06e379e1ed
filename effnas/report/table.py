"""The front in the terminal: figures in a table, architectures below it."""

import io
import sys
from typing import Any, TextIO, cast

from rich import box, measure
from rich import console as consoles
from rich import table as tables
from rich import text as texts

from effnas import terminal
from effnas.report import archs, labels
from effnas.report import summary as summaries

_PIPED = 100  # columns of a line where the output is no terminal


def show(summary: summaries.Summary, file: TextIO | None = None) -> None:
  """Prints the front of a study.

  Figures are never cut: in a terminal that is too narrow for them, lines are
  longer than it is wide.

  Args:
    summary: The study.
    file: Where to print; standard output by default.
  """
  file = file or sys.stdout
  console = consoles.Console(file=file, highlight=False)
  if not console.is_terminal:
    console.width = _PIPED
  _print(console, _text(summary.sentence()))
  if not summary.front:
    return
  figures = _figures(summary)
  unlimited = console.options.update(width=10_000)
  needed = measure.Measurement.get(console, unlimited, figures).maximum
  _print(console, figures, needed)
  origins = summary.origins(summary.front)
  for line in ['', *origins] if origins else []:
    _print(console, _text(line, 'dim'))
  for row in summary.front:
    for name in row.broken:
      value = labels.value(name, row.metrics[name])
      bound = labels.value(name, summary.constraints[name])
      side = 'under' if labels.better(name) else 'over'
      said = (
        f'trial {row.trial}: {labels.title(name)} {value} is {side} {bound}'
      )
      _print(console, _text(said, 'red'))
  _print(console, _archs(summary))


def _print(
  console: consoles.Console, what: consoles.RenderableType, needed: int = 0
) -> None:
  """Prints at least as wide as needed, without spaces at the ends of lines."""
  text = io.StringIO()
  draft = consoles.Console(
    file=text,
    width=max(needed, console.width),
    force_terminal=console.is_terminal,
    color_system=cast(Any, console.color_system),
    no_color=console.no_color,
    highlight=False,
  )
  draft.print(what)
  lines = text.getvalue().splitlines()
  told = ''.join(f'{line.rstrip()}\n' for line in lines)
  terminal.put(told, cast(TextIO, console.file))


def _text(text: str, style: str = '') -> texts.Text:
  """Text as it is: no markup, and nothing that a terminal obeys."""
  return texts.Text(terminal.shown(text), style)


def _figures(summary: summaries.Summary) -> tables.Table:
  table = tables.Table(
    box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1)
  )
  names = summary.columns()
  table.add_column('\ntrial', justify='right', no_wrap=True)
  for name in names:
    goal = summary.maximize.get(name)
    arrow = '' if goal is None else ' ↑' if goal else ' ↓'
    first, _, target = terminal.shown(labels.title(name)).partition(' on ')
    lines = f'{first}\non {target}' if target else f'\n{first}'
    table.add_column(texts.Text(lines + arrow), justify='right', no_wrap=True)
  for row in summary.front:
    cells = [str(row.trial)]
    for name in names:
      value = labels.value(name, row.metrics.get(name))
      source = row.sources.get(name, '')
      word, value = labels.source(source), labels.bounded(value, source)
      cells.append(f'{value} {word}' if word and value != '-' else value)
    table.add_row(*map(_text, cells))
  return table


def _archs(summary: summaries.Summary) -> tables.Table:
  shared, own = archs.shorten([row.arch for row in summary.front])
  grid = tables.Table.grid(padding=(0, 2))
  grid.add_column(justify='right', no_wrap=True)
  grid.add_column(overflow='fold')
  grid.add_row()
  for row, text in zip(summary.front, own, strict=True):
    grid.add_row(str(row.trial), _text(text or '(no choice of its own)'))
  if shared:
    grid.add_row('all', _text(shared))
  return grid
