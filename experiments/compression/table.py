"""The experiment's tables, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

import networks
import published
import techniques

Row = Mapping[str, Any]


def line(row: Row) -> str:
  """Returns a row as a line of text."""
  return (
    f'{row["network"]} {row["technique"]}: valid '
    f'{100 * row["accuracy_valid"]:.2f} %, test '
    f'{100 * row["accuracy_test"]:.2f} %, {row["size_bytes"]:,} bytes, '
    f'{row["macs"]:,} MACs, {row["seconds"]:.0f} s'
  )


def text(rows: Sequence[Row]) -> str:
  """Returns a table for each network, and the published one.

  Args:
    rows: Of results.json.
  """
  parts = [
    _of(rows, name, seed)
    for name, seed in sorted({(row['network'], row['seed']) for row in rows})
  ]
  return '\n'.join([*parts, _published()])


def float_row(rows: Sequence[Row], name: str, seed: int) -> Row | None:
  """Returns the row of a network in float, where there is one."""
  return _row(rows, name, techniques.FLOAT, seed)


def reference(rows: Sequence[Row], row: Row) -> Row | None:
  """Returns the float network that a row is compared with.

  Args:
    rows: Of results.json.
    row: One of them.

  Returns:
    For what was trained anew, the float network that was trained as briefly;
    None where it is not there.
  """
  anew = any(step == 'regrow' for step, _ in row['recipe'])
  wanted = techniques.ANEW if anew else techniques.FLOAT
  return _row(rows, row['network'], wanted, row['seed'])


def _row(rows, name, technique, seed):
  for row in rows:
    if (row['network'], row['technique'], row['seed']) == (
      name,
      technique,
      seed,
    ):
      return row
  return None


def _of(rows, name, seed):
  lines = [
    f'### {networks.NETWORKS[name].title}, seed {seed}',
    '',
    '| technique | epochs | valid, % | test, % | change, points | bytes of the '
    'file | smaller by | MACs | seconds |',
    '|---|---|---|---|---|---|---|---|---|',
  ]
  for row in rows:
    if (row['network'], row['seed']) != (name, seed):
      continue
    before, change, ratio = reference(rows, row), '', ''
    if before is not None:
      points = 100 * (row['accuracy_test'] - before['accuracy_test'])
      change = f'{points:+.2f}'
      ratio = f'{before["size_bytes"] / row["size_bytes"]:.2f}x'
    cells = (
      row['title'],
      row['epochs'],
      f'{100 * row["accuracy_valid"]:.2f}',
      f'{100 * row["accuracy_test"]:.2f}',
      change,
      f'{row["size_bytes"]:,}',
      ratio,
      f'{row["macs"]:,}',
      f'{row["seconds"]:.0f}',
    )
    lines.append('| ' + ' | '.join(map(str, cells)) + ' |')
  return '\n'.join([*lines, ''])


def _published():
  lines = [
    '### Published',
    '',
    '| technique | network, data, setting | before, % | after, % | change, '
    'points | smaller by | source |',
    '|---|---|---|---|---|---|---|',
  ]
  for point in published.POINTS:
    given = point.before is not None
    cells = (
      point.family,
      point.what,
      f'{point.before:.2f}' if given else '',
      f'{point.after:.2f}' if given else '',
      f'{point.change:+.2f}' if given else 'none lost',
      f'{point.ratio:.1f}x' if point.ratio else '',
      f'[{point.source.split("/")[2]}]({point.source})',
    )
    lines.append('| ' + ' | '.join(cells) + ' |')
  return '\n'.join([*lines, ''])
