"""The experiment's picture: calibration size, and other families."""

import pathlib
from typing import Any, NamedTuple

from matplotlib import colormaps, figure, lines, ticker
import numpy as np

from effnas import files

_COLOURS = {
  'a100': '#1b6ca8',
  'rtx3090': '#3a9d6e',
  'tpu_v2': '#d9822b',
  'tpu_v3': '#b23a48',
}


class Points(NamedTuple):
  """Networks of other families.

  Attributes:
    names: The zoo's names, with the side of the images.
    measured: Milliseconds an image.
    estimated: Likewise, by the cost model.
  """

  names: list[str]
  measured: np.ndarray
  estimated: np.ndarray


def draw(results: dict[str, Any], points: Points, path: pathlib.Path) -> None:
  """Draws the results.

  Args:
    results: What the run found.
    points: Of the other families.
    path: Of the PNG.
  """
  made = figure.Figure(figsize=(11.5, 4.6), layout='constrained')
  left, right = made.subplots(1, 2)
  _sizes(left, results['accel_nasbench'])
  _families(right, points, results['transfer']['shipped'])
  with files.draft(path) as place:
    made.savefig(place, dpi=150)


def _sizes(axes, devices):
  for name, found in devices.items():
    sizes = [int(size) for size in found['calibrated']]
    rows = list(found['calibrated'].values())
    colour = _COLOURS[name]
    missing = [1 - r['spearman'] for r in rows]
    axes.plot(sizes, missing, color=colour, marker='o', markersize=4)
    axes.fill_between(
      sizes,
      [1 - r['spearman_bad'] for r in rows],
      missing,
      color=colour,
      alpha=0.15,
      linewidth=0,
    )
    for ranker, style in (('MACs', ':'), ('datasheet roofline', '--')):
      level = 1 - found['rankers'][ranker]
      axes.plot(
        [sizes[0], sizes[-1]],
        [level, level],
        color=colour,
        linestyle=style,
        linewidth=1,
      )
    axes.annotate(
      name,
      (sizes[-1], missing[-1]),
      xytext=(7, -4),
      textcoords='offset points',
      color=colour,
    )
  axes.set_xscale('log')
  axes.set_yscale('log')
  axes.set_xticks(sizes, [str(size) for size in sizes])
  axes.xaxis.set_minor_locator(ticker.NullLocator())
  axes.set_xlim(sizes[0] * 0.9, sizes[-1] * 1.75)
  axes.invert_yaxis()
  ticks = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
  axes.set_yticks(ticks, [f'{1 - t:g}' for t in ticks])
  axes.yaxis.set_minor_locator(ticker.NullLocator())
  axes.set_xlabel('networks measured for the calibration')
  axes.set_ylabel("rank correlation on all others (Spearman's rho)")
  axes.set_title(
    'Calibrated, with the 5th percentile of 200 splits', fontsize=11
  )
  axes.legend(
    [
      lines.Line2D([], [], color='grey', marker='o', markersize=4),
      lines.Line2D([], [], color='grey', linestyle='--', linewidth=1),
      lines.Line2D([], [], color='grey', linestyle=':', linewidth=1),
    ],
    ['calibrated', 'datasheet roofline', 'MACs'],
    fontsize=8,
    frameon=False,
    loc='center right',
    bbox_to_anchor=(1.0, 0.42),
  )
  axes.grid(alpha=0.25)


def _families(axes, points, spearman):
  families: dict[str, list[int]] = {}
  for i, name in enumerate(points.names):
    families.setdefault(_family(name), []).append(i)
  colours = colormaps['tab10'].colors
  for i, ((name, rows), marker) in enumerate(
    zip(families.items(), 'osD^vP*X<>hpd', strict=False)
  ):
    axes.scatter(
      points.measured[rows],
      points.estimated[rows],
      s=26,
      marker=marker,
      color=colours[i % len(colours)],
      label=name,
    )
  both = np.concatenate([points.measured, points.estimated])
  ends = both.min() * 0.8, both.max() * 1.25
  axes.plot(ends, ends, color='grey', linewidth=0.8)
  axes.set_xscale('log')
  axes.set_yscale('log')
  axes.set_xlim(ends)
  axes.set_ylim(ends)
  axes.set_xlabel('measured on an RTX 3090 with PyTorch, ms an image')
  axes.set_ylabel('estimated from the MnasNet space, ms an image')
  axes.set_title(
    f'{len(points.names)} networks of other families: rho {spearman:.3f}',
    fontsize=11,
  )
  axes.legend(fontsize=8, frameon=False)
  axes.grid(alpha=0.25)


def _family(name: str) -> str:
  for family in (
    'mobilenet', 'efficientnet', 'efficientformer', 'convnext', 'resnet',
    'deit', 'mixnet', 'mobilevit', 'mnasnet', 'fbnet',
  ):  # fmt: skip
    if name.startswith(family):
      return family
  return 'other'
