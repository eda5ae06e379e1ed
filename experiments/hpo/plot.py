"""The experiment's picture: what is missing to the best, over epochs."""

from collections.abc import Mapping
import pathlib
from typing import Any

from matplotlib import figure, ticker
import methods
import numpy as np

from effnas import files

_STYLES = {
  'random': ('#7f7f7f', '-'),
  'regularized evolution': ('#1b6ca8', '-'),
  'TPE': ('#d9822b', '-'),
  'GP': ('#17a2b8', '-'),
  'ASHA, random': ('#7f7f7f', '--'),
  'Hyperband, random': ('#3a9d6e', '--'),
  'ASHA, TPE': ('#d9822b', '--'),
  'BOHB, TPE': ('#b23a48', '--'),
}


def draw(results: Mapping[str, Any], path: pathlib.Path) -> None:
  """Draws the results, a panel for each task.

  Args:
    results: What results.json holds.
    path: Of the PNG.
  """
  tasks = results['tasks']
  made = figure.Figure(figsize=(5.6 * len(tasks), 5.0), layout='constrained')
  panels = made.subplots(1, len(tasks), squeeze=False)[0]
  epochs = methods.STEP * np.arange(1, methods.FULL + 1)
  handles: dict[str, Any] = {}
  for axes, (name, task) in zip(panels, tasks.items(), strict=True):
    best = task['facts']['best_valid']
    for method, found in task['methods'].items():
      colour, style = _STYLES.get(method, ('black', '-'))

      def missing(key, found=found, best=best):
        return 100 * (best - np.array(found[key], float))

      [handles[method]] = axes.plot(
        epochs, missing('mean'), style, color=colour, linewidth=1.5
      )
      axes.fill_between(
        epochs,
        np.maximum(missing('high'), 1e-3),
        np.maximum(missing('low'), 1e-3),
        color=colour,
        alpha=0.06,
        linewidth=0,
      )
    exact = 100 * (best - np.array(task['facts']['expected']))
    [handles['random, exact']] = axes.plot(
      epochs[::3], exact[::3], 'k.', markersize=4
    )
    axes.set_yscale('log')
    axes.set_ylim(0.03, 20)
    axes.yaxis.set_major_formatter(ticker.FormatStrFormatter('%g'))
    axes.set_title(name, fontsize=11)
    axes.set_xlabel('epochs trained in all')
    axes.grid(alpha=0.25)
  panels[0].set_ylabel('validation accuracy below the best, points')
  made.legend(
    handles.values(),
    handles.keys(),
    loc='outside lower center',
    ncols=5,
    fontsize=8,
    frameon=False,
  )
  with files.draft(path) as place:
    made.savefig(place, dpi=120)
