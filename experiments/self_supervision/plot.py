"""The experiment's picture: accuracy over the number of labels."""

from collections.abc import Mapping
import pathlib
from typing import Any

import digits
from matplotlib import figure, ticker
import numpy as np
import report

from effnas import files

_COLOURS = {'scratch': '#7f7f7f', 'rotation': '#d9822b', 'SimCLR': '#1b6ca8'}


def draw(results: Mapping[str, Any], path: pathlib.Path) -> None:
  """Draws the results, a panel for each augmentation.

  Args:
    results: What results.json holds.
    path: Of the PNG.
  """
  made = figure.Figure(
    figsize=(5.0 * len(digits.AUGMENT), 4.6), layout='constrained'
  )
  panels = made.subplots(1, len(digits.AUGMENT), squeeze=False, sharey=True)[0]
  for axes, augmented in zip(panels, digits.AUGMENT, strict=True):
    for start in digits.STARTS:
      values = 100 * report.accuracies(results['digits'], start, augmented)
      mean, colour = values.mean(axis=0), _COLOURS[start]
      half = np.array([report.interval(column)[1] for column in values.T])
      axes.plot(
        digits.LABELS, mean, 'o-', color=colour, markersize=4, label=start
      )
      axes.fill_between(
        digits.LABELS,
        mean - half,
        np.minimum(mean + half, 100),
        color=colour,
        alpha=0.18,
        linewidth=0,
      )
    axes.set_xscale('log')
    axes.set_xticks(digits.LABELS)
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter('%d'))
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.set_xlabel('labelled images')
    axes.set_title(f'Trained with labels, {augmented}', fontsize=11)
    axes.grid(alpha=0.25)
  panels[0].set_ylabel('test accuracy, %')
  panels[0].legend(fontsize=9, frameon=False, loc='lower right')
  seeds = len(results['digits'])
  made.suptitle(
    f'Digits: mean of {seeds} seeds and its 95 % interval', fontsize=11
  )
  with files.draft(path) as place:
    made.savefig(place, dpi=130)
