"""The tables of the README, out of the results."""

from collections.abc import Mapping, Sequence
import pathlib
import statistics
from typing import Any

import cells
import figures
import published

from effnas.report import marked

Rows = Sequence[Mapping[str, Any]]


def tables(results: Mapping[str, Any]) -> dict[str, str]:
  """Returns the README's tables by name, as Markdown.

  Args:
    results: What results.json holds.
  """
  return {
    'networks': _networks(results['networks']),
    'accuracies': _accuracies(results['cells']),
    'cells': _cells(results['cells']),
  }


def text(results: Mapping[str, Any]) -> str:
  """Returns all tables, for a terminal.

  Args:
    results: What results.json holds.
  """
  return '\n'.join(tables(results).values())


def renew(path: pathlib.Path, results: Mapping[str, Any]) -> None:
  """Puts the tables between their marks in a README; none is no error.

  Args:
    path: The README.
    results: What results.json holds.
  """
  marked.renew(path, tables(results))


def groups(rows: Rows) -> list[list[Mapping[str, Any]]]:
  """Returns rows that differ in their seed alone, together.

  Args:
    rows: The cells of results.json.
  """
  found: dict[Any, list[Mapping[str, Any]]] = {}
  for row in rows:
    key = tuple(v for k, v in cells.of(row).record().items() if k != 'seed')
    found.setdefault(key, []).append(row)
  return list(found.values())


def said(rows: Rows, figure: str, choice: str, split: str = 'test') -> str:
  """Returns an accuracy in percent, with its deviation over seeds.

  Args:
    rows: Of one group.
    figure: 'float' or one of `figures.FIGURES`.
    choice: 'survey' or 'clean'.
    split: 'test' or 'valid'.

  Returns:
    Nothing where no row has it.
  """
  values = [
    100 * row['figures'][figure][choice][split]
    for row in rows
    if choice in row['figures'].get(figure, {})
  ]
  if not values:
    return ''
  if len(values) == 1:
    return f'{values[0]:.2f}'
  mean, spread = statistics.fmean(values), statistics.stdev(values)
  return f'{mean:.2f} ± {spread:.2f}'


def _table(heads: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
  rows = [heads, ['---'] * len(heads), *lines]
  made = [f'| {" | ".join(map(str, row))} |' for row in rows]
  made[1] = '|---' * len(heads) + '|'
  return '\n'.join(made) + '\n'


def _networks(counts: Mapping[str, Mapping[str, int]]) -> str:
  def kilobytes(width, figure):
    found = counts.get(width)
    return f'{found[figure] / 1024:.2f}' if found else ''

  def exact(width, key, wanted):
    found = counts.get(width, {}).get(key)
    if found is None:
      return ''
    return f'{found:,}' + (' =' if found == wanted else f', not {wanted:,}')

  lines = []
  for number, row in published.ROWS.items():
    width = str(number)
    lines.append(
      [
        width,
        exact(width, 'parameters', row.parameters),
        exact(width, 'trainable', row.trainable),
        exact(width, 'macs', row.macs),
        kilobytes(width, 'float'),
        f'{row.kilobytes[0]:.2f}',
        kilobytes(width, 'int8'),
        f'{row.kilobytes[1]:.2f}',
        kilobytes(width, 'qat_8'),
        kilobytes(width, 'qat_4'),
      ]
    )
  heads = [
    'w', 'parameters', 'trainable', 'MACs', 'float, KB', '*published*',
    'int8, KB', '*published*', 'QAT 8, KB', 'QAT 4, KB',
  ]  # fmt: skip
  return _table(heads, lines)


def _accuracies(rows: Rows) -> str:
  lines = []
  for name in cells.names():
    width, column = name.split('/')
    row = published.ROWS[float(width)]
    ours = [g for g in groups(rows) if cells.of(g[0]).name == name]
    for group in ours or [[]]:
      lines.append(
        [
          width,
          published.COLUMNS[column],
          _trained(group),
          said(group, 'float', 'survey'),
          f'{row.float_[column]:.2f}',
          said(group, 'int8', 'survey'),
          f'{row.int8[column]:.2f}',
          said(group, 'float', 'clean'),
          said(group, 'int8', 'clean'),
          *(said(group, figure, _last(group)) for figure in figures.AWARE),
        ]
      )
  heads = [
    'w', 'learning', 'trained', 'float', '*published*', 'int8', '*published*',
    'float, clean', 'int8, clean', 'QAT 8', 'QAT 4',
  ]  # fmt: skip
  return _table(heads, lines)


def _last(rows: Rows) -> str:
  """The choice that quantization-aware training begins with."""
  return 'survey' if rows and rows[0]['whole'] else 'clean'


def _trained(rows: Rows) -> str:
  """Says how often and how long, and in what it is not the survey's."""
  if not rows:
    return ''
  cell, count = cells.of(rows[0]), len(rows)
  found = f'{count} seed{"s" * (count > 1)}, '
  if cell.epochs == published.EPOCHS:
    found += f'{cell.epochs} epochs'
  else:
    found += f'**{cell.epochs} of {published.EPOCHS} epochs**'
  if cell.whole:
    found += ', all images'
  if cell.teacher not in (None, published.TEACHER):
    found += f', **teacher {cell.teacher}**'
  if cell.notebook:
    found += ", the notebook's loss"
  return found


def _cells(rows: Rows) -> str:
  lines = []
  for row in rows:
    cell = cells.of(row)
    float_, seconds = row['figures']['float'], row['seconds']
    teacher = row.get('teacher_test')
    lines.append(
      [
        cell.name,
        cell.seed,
        cell.epochs,
        row['images'],
        'official' if row['verified'] else 'JPEG copies',
        ', '.join(f'{k} {float_[k]["epoch"]}' for k in float_),
        '' if teacher is None else f'{cell.teacher}: {100 * teacher:.2f}',
        ', '.join(f'{k} {v:.0f}' for k, v in seconds.items()),
      ]
    )
  heads = [
    'cell', 'seed', 'epochs', 'images', 'pixels', 'chosen epoch',
    "teacher's test, %", 'seconds',
  ]  # fmt: skip
  return _table(heads, lines)
