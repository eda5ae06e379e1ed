"""sensitivity.csv and sensitivity.png: what each layer's bits cost.

The table has a row per layer and width, and the float network's first, with
exact numbers (Python's `repr`): `layer` (empty for the float network),
`weights` (how many the kernel has), `bits`, `activations` (bits of the layer's
input), `accuracy`, `loss`, `increase` (of the loss over the float network's).

The picture has a line per layer in the order of the network: on the left the
increase of the loss at each width, on a scale that is linear near zero, as
chance makes some increases negative; on the right the size of the kernel. A
long bar beside dots far to the left is where bits are saved for nothing. Where
a mixed-precision search has chosen widths, rings mark them.
"""

from collections.abc import Mapping, Sequence
import math
import pathlib
from typing import Any

from effnas import files, quant, strategy, words
from effnas.report import labels

_COLUMNS = (
  'layer',
  'weights',
  'bits',
  'activations',
  'accuracy',
  'loss',
  'increase',
)
# From many bits to few: pale to dark.
_COLOURS = {
  8: '#9fc3ea',
  7: '#7fb0e3',
  6: '#5f9bdb',
  5: '#3f80d2',
  4: '#0b63ce',
  3: '#e0921b',
  2: '#c2362b',
  1: '#7c1d16',
}
_BAR = '#c6ced6'
_DECADES = 3  # of the axis that are logarithmic


def write(
  found: strategy.Sensitivity,
  folder: pathlib.Path,
  chosen: Mapping[str, int] | None = None,
) -> tuple[pathlib.Path, pathlib.Path]:
  """Writes sensitivity.csv and sensitivity.png.

  Args:
    found: The sensitivities.
    folder: To write into.
    chosen: Path of each layer -> its bits, to be marked.

  Returns:
    The paths of the two files.
  """
  table, picture = folder / 'sensitivity.csv', folder / 'sensitivity.png'
  float_ = (quant.FLOAT, quant.FLOAT, found.accuracy, found.loss, 0.0)
  rows: list[Sequence[Any]] = [_COLUMNS]
  rows.append(['', sum(found.weights.values()), *map(repr, float_)])
  for row in found.rows:
    numbers = (row.bits, found.activations, row.accuracy, row.loss)
    weights = found.weights[row.path]
    told = map(repr, (weights, *numbers, row.increase))
    rows.append([row.path, *told])
  drawn = _draw(found, chosen or {})
  files.write_all({table: files.table(rows), picture: drawn})
  return table, picture


def _draw(found: strategy.Sensitivity, chosen: Mapping[str, int]) -> bytes:
  # Drawing is loaded only when something is drawn.
  from effnas.report import plot

  layers = list(found.weights)
  pitch = 0.25 if len(layers) <= 60 else 0.16
  figure = plot.canvas(8.6, 1.7 + max(6, len(layers)) * pitch)
  left, right = figure.subplots(
    1, 2, sharey=True, gridspec_kw={'width_ratios': (4, 1)}
  )
  for axes in (left, right):
    plot.frame(axes)
  _dots(left, found, chosen, plot)
  _bars(right, found, plot)
  left.set_yticks(range(len(layers)), layers)
  left.set_ylim(len(layers) - 0.4, -0.6)  # the first layer on top
  small = 8 if pitch > 0.2 else 6
  left.tick_params(axis='y', labelsize=small, labelcolor=plot.INK, length=0)
  right.tick_params(axis='y', length=0)
  figure.suptitle(
    'What the bits of each layer cost alone', x=0.01, ha='left', **plot.STYLE
  )
  inputs = (
    'inputs in float'
    if found.activations == quant.FLOAT
    else f'inputs at {found.activations} bits'
  )
  figure.supxlabel(
    f'float network: loss {found.loss:.4f}, accuracy {found.accuracy:.4f} on '
    f'{words.number(found.examples, "validation example")}; one layer '
    f'quantized at a time, {inputs}',
    fontsize=8.5,
    color=plot.SOFT,
    x=0.99,
    ha='right',
  )
  return plot.png(figure)


def _dots(
  axes: Any,
  found: strategy.Sensitivity,
  chosen: Mapping[str, int],
  plot: Any,
) -> None:
  """The increases: a dot per width on each layer's line."""
  order = {path: i for i, path in enumerate(found.weights)}
  every = [row.increase for row in found.rows]
  linear = _linear(every)
  axes.set_xscale('symlog', linthresh=linear, linscale=0.6)
  axes.axvline(0, color=plot.SOFT, linewidth=0.9)
  for path, i in order.items():
    some = [row.increase for row in found.rows if row.path == path]
    axes.plot(
      [min(*some, 0), max(*some, 0)],
      [i, i],
      color=plot.FAINT,
      linewidth=2,
      solid_capstyle='round',
      zorder=1,
    )
  for bits in sorted(found.bits, reverse=True):
    increases = found.increases(bits)
    axes.scatter(
      list(increases.values()),
      [order[path] for path in increases],
      s=34,
      c=_COLOURS[bits],
      edgecolors='white',
      linewidths=0.6,
      label=f'{bits} bits',
      zorder=3,
    )
  marked = {p: found.increases(b)[p] for p, b in chosen.items() if p in order}
  if marked:
    axes.scatter(
      list(marked.values()),
      [order[path] for path in marked],
      s=92,
      facecolors='none',
      edgecolors=plot.INK,
      linewidths=1.1,
      label='chosen',
      zorder=4,
    )
  ticks = [linear * 10**i for i in range(_DECADES + 2)]
  ticks = [t for t in ticks if t <= max([*every, linear])]
  low = [-t for t in ticks if -t >= min(every)]
  axes.set_xticks([*low, 0, *ticks], [f'{t:g}' for t in [*low, 0, *ticks]])
  axes.set_xticks([], minor=True)
  axes.margins(x=0.03)
  axes.set_xlabel('← better   increase of the loss (nats)', **plot.STYLE)
  axes.legend(
    frameon=False,
    fontsize=9,
    labelcolor=plot.INK,
    loc='lower left',
    bbox_to_anchor=(-0.01, 1.0),
    ncols=len(found.bits) + 1,
    handletextpad=0.2,
    columnspacing=1.2,
  )


def _bars(axes: Any, found: strategy.Sensitivity, plot: Any) -> None:
  """How many weights each layer has."""
  sizes = list(found.weights.values())
  axes.barh(range(len(sizes)), sizes, height=0.5, color=_BAR, zorder=2)
  for i, size in enumerate(sizes):
    text = labels.value('params', size)
    axes.annotate(
      text,
      (size, i),
      (3, 0),
      textcoords='offset points',
      va='center',
      fontsize=7.5,
      color=plot.SOFT,
    )
  axes.set_xlim(0, 1.35 * max(sizes))
  axes.set_xticks([])
  axes.spines['bottom'].set_visible(False)
  axes.grid(visible=False)
  axes.set_xlabel('weights', **plot.STYLE)


def _linear(increases: list[float]) -> float:
  """Up to where the axis is linear: some decades below the largest value."""
  largest = max([1e-6, *map(abs, increases)])
  return 10.0 ** (math.floor(math.log10(largest)) - _DECADES)
