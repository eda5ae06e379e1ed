"""The experiment's picture: the best so far over evaluations."""

import pathlib
from typing import Any

from matplotlib import figure, ticker
import numpy as np

from effnas import files

_COLOURS = {
  'random': '#7f7f7f',
  'regularized_evolution': '#1b6ca8',
  'nsga2': '#3a9d6e',
  'local_search': '#b23a48',
  'tpe': '#d9822b',
  'bananas': '#7d4fa3',
  'reinforce': '#8c6d46',
  'gp': '#17a2b8',
}


def draw(results: dict[str, Any], path: pathlib.Path) -> None:
  """Draws the results.

  Args:
    results: What results.json holds.
    path: Of the PNG.
  """
  made = figure.Figure(figsize=(11.5, 4.8), layout='constrained')
  left, right = made.subplots(1, 2)
  evaluations = results['evaluations']
  best = results['facts']['best_accuracy']
  for name, found in results['samplers'].items():
    colour = _COLOURS.get(name, 'black')
    gap = 100 * (best - np.array(found['mean']))
    error = 100 * np.array(found['error'])
    left.plot(evaluations, gap, color=colour, label=name)
    left.fill_between(
      evaluations,
      np.maximum(gap - 1.96 * error, 1e-4),
      np.maximum(gap + 1.96 * error, 1e-4),
      color=colour,
      alpha=0.15,
      linewidth=0,
    )
    middle = 100 * np.array(found['mean'])
    right.plot(evaluations, middle, color=colour, label=name)
    right.fill_between(
      evaluations,
      100 * np.array(found['low']),
      100 * np.array(found['high']),
      color=colour,
      alpha=0.12,
      linewidth=0,
    )
  expected = np.array(results['expected']['mean'])
  left.plot(
    evaluations,
    100 * (best - expected),
    'k.',
    markersize=4,
    label='random, exact',
  )
  left.set_yscale('log')
  left.set_ylim(bottom=0.003)
  left.yaxis.set_major_formatter(ticker.FormatStrFormatter('%g'))
  left.set_ylabel('validation accuracy below the best, points')
  left.set_title('Mean, with its 95 % interval', fontsize=11)
  left.legend(fontsize=8, frameon=False)
  right.axhline(100 * best, color='black', linewidth=0.8)
  right.set_ylim(bottom=100 * expected[2] - 1.5)
  right.set_ylabel('best validation accuracy so far, %')
  right.set_title('Mean, with 10th to 90th percentile', fontsize=11)
  for axes in (left, right):
    axes.set_xlabel('evaluations')
    axes.grid(alpha=0.25)
  with files.draft(path) as place:
    made.savefig(place, dpi=130)
