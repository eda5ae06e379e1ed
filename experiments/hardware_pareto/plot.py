"""The experiment's picture: hypervolume over evaluations."""

import pathlib
from typing import Any

from matplotlib import figure, ticker
import methods
import numpy as np

from effnas import files

_COLOURS = (
  '#7f7f7f', '#1b6ca8', '#3a9d6e', '#8c6d46', '#17a2b8', '#b23a48', '#7d4fa3',
  '#d9822b',
)  # fmt: skip


def draw(results: dict[str, Any], path: pathlib.Path) -> None:
  """Draws the results: ours as lines, the others' dashed.

  Args:
    results: What results.json holds.
    path: Of the PNG.
  """
  tasks = results['tasks']
  made = figure.Figure(figsize=(5.0 * len(tasks), 5.2), layout='constrained')
  rows = made.subplots(1, len(tasks), squeeze=False)[0]
  styles = {}
  for family, style in ((methods.OURS, '-'), (methods.PEERS, '--')):
    for i, name in enumerate(family):
      styles[name] = _COLOURS[i % len(_COLOURS)], style
  handles = {}
  for axes, (name, task) in zip(rows, tasks.items(), strict=True):
    for method, found in task['methods'].items():
      colour, style = styles[method]
      missing = 100 * (1 - np.array(found['mean']))
      [handles[method]] = axes.plot(
        results['evaluations'], missing, style, color=colour, linewidth=1.4
      )
      axes.fill_between(
        results['evaluations'],
        np.maximum(100 * (1 - np.array(found['high'])), 1e-3),
        np.maximum(100 * (1 - np.array(found['low'])), 1e-3),
        color=colour,
        alpha=0.06,
        linewidth=0,
      )
    axes.plot(
      methods.SHOWN,
      [100 * (1 - share) for share in task['expected']],
      'k.',
      markersize=6,
    )
    axes.set_yscale('log')
    axes.set_ylim(bottom=0.05)
    axes.yaxis.set_major_formatter(ticker.FormatStrFormatter('%g'))
    axes.set_title(name, fontsize=11)
    axes.set_xlabel('evaluations')
    axes.grid(alpha=0.25)
  rows[0].set_ylabel('hypervolume missing, % of the true front')
  made.legend(
    handles.values(),
    handles.keys(),
    loc='outside lower center',
    ncols=6,
    fontsize=8,
    frameon=False,
  )
  with files.draft(path) as place:
    made.savefig(place, dpi=120)
