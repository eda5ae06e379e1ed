"""The survey's picture: accuracy against size, ours and published."""

from collections.abc import Mapping
import pathlib
from typing import Any

import cells
from matplotlib import figure as figure_lib
from matplotlib import lines, ticker
import published
import report

from effnas import files

_COLOURS = {'plain': '#7f7f7f', 'aug': '#1b6ca8', 'kd': '#b23a48'}
# Figure -> marker, as filled points of ours.
_MARKERS = {'float': 'o', 'int8': 's', 'qat_8': '^', 'qat_4': 'v'}
_SAID = {
  'float': 'float',
  'int8': 'int8, post-training',
  'qat_8': 'QAT, 8 bits',
  'qat_4': 'QAT, 4 bits',
}


def points(
  results: Mapping[str, Any],
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
  """Returns the frontiers of size and accuracy, published and ours.

  Args:
    results: What results.json holds.

  Returns:
    Of each the (KB, percent) that nothing smaller beats, by size.
  """
  theirs = [
    (size, found[column])
    for row in published.ROWS.values()
    for size, found in zip(row.kilobytes, (row.float_, row.int8), strict=True)
    for column in found
  ]
  ours = [(x, y) for _, _, x, y, _ in _ours(results)]
  return frontier(theirs), frontier(ours)


def frontier(found: list[tuple[float, float]]) -> list[tuple[float, float]]:
  """Returns those of (size, accuracy) that nothing as small is as good as.

  Example:
    >>> frontier([(2, 5.0), (1, 5.0), (3, 6.0), (4, 5.5)])
    [(1, 5.0), (3, 6.0)]
  """
  best: list[tuple[float, float]] = []
  for size, accuracy in sorted(found, key=lambda p: (p[0], -p[1])):
    if not best or accuracy > best[-1][1]:
      best.append((size, accuracy))
  return best


def _ours(results):
  """Yields (column, figure, KB, percent, whether it is as long as theirs)."""
  for group in report.groups(results['cells']):
    cell = cells.of(group[0])
    counts = results['networks'][str(cell.width)]
    whole = cell.epochs >= published.EPOCHS
    for figure in _MARKERS:
      choice = 'survey' if cell.whole else 'clean'
      values = [
        100 * row['figures'][figure][choice]['test']
        for row in group
        if choice in row['figures'].get(figure, {})
      ]
      if values:
        mean = sum(values) / len(values)
        yield cell.column, figure, counts[figure] / 1024, mean, whole


def draw(results: Mapping[str, Any], path: pathlib.Path) -> None:
  """Draws accuracy against the size of the file.

  Args:
    results: What results.json holds.
    path: Of the PNG.
  """
  made = figure_lib.Figure(figsize=(9, 6.2), layout='constrained')
  axes = made.subplots()
  for row in published.ROWS.values():
    for size, found, marker in zip(
      row.kilobytes, (row.float_, row.int8), 'os', strict=True
    ):
      for column, accuracy in found.items():
        axes.plot(
          size, accuracy, marker, color=_COLOURS[column], fillstyle='none'
        )
  for column, figure, size, accuracy, whole in _ours(results):
    axes.plot(
      size,
      accuracy,
      _MARKERS[figure],
      color=_COLOURS[column],
      markersize=7,
      alpha=0.9 if whole else 0.55,
    )
  for found, style, label in zip(
    points(results), ('k:', 'k-'), ('published', 'ours'), strict=True
  ):
    if found:
      axes.plot(*zip(*found, strict=True), style, linewidth=0.9, label=label)
  axes.set_xscale('log')
  axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
  axes.xaxis.set_major_formatter(ticker.FormatStrFormatter('%g'))
  axes.xaxis.set_minor_locator(ticker.NullLocator())
  axes.set_xlabel('size of the file, KB of 1024 bytes')
  axes.set_ylabel('accuracy on the test images, %')
  axes.grid(alpha=0.25)
  handles = [
    *_handles(_COLOURS, {c: {'marker': 'o'} for c in _COLOURS}),
    *(
      lines.Line2D([], [], color='k', linestyle='', marker=m, label=_SAID[name])
      for name, m in _MARKERS.items()
    ),
    lines.Line2D(
      [], [], color='k', linestyle=':', marker='o', fillstyle='none',
      label='published, its frontier',
    ),
    lines.Line2D([], [], color='k', marker='o', label='ours, its frontier'),
    lines.Line2D(
      [], [], color='k', linestyle='', marker='o', alpha=0.55,
      label=f'ours, fewer than {published.EPOCHS} epochs',
    ),
  ]  # fmt: skip
  made.legend(
    handles=handles, loc='outside lower center', ncols=3, frameon=False
  )
  with files.draft(path) as place:
    made.savefig(place, dpi=130)


def _handles(colours, styles):
  return [
    lines.Line2D(
      [], [], color=colour, linestyle='', label=published.COLUMNS[column],
      **styles[column],
    )
    for column, colour in colours.items()
  ]  # fmt: skip
