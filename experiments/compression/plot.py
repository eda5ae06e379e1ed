"""The experiment's picture: quality against size, and published neighbours."""

from collections.abc import Mapping, Sequence
import pathlib
from typing import Any

from matplotlib import figure, lines, ticker
import networks
import published
import table
import techniques

from effnas import files

Row = Mapping[str, Any]
# Family -> colour, marker.
_STYLES = {
  'float': ('#222222', '*'),
  'post-training quantization': ('#8c564b', 'v'),
  'quantization-aware training': ('#1b6ca8', '^'),
  'magnitude pruning': ('#3a9d6e', 'o'),
  'RigL': ('#7bbf3f', 's'),
  '2:4 pruning': ('#17a2a2', 'D'),
  'clustering': ('#d9822b', 'h'),
  'low rank': ('#8e5ea2', 'P'),
  'prune, cluster, encode': ('#b23a48', 'X'),
}
# Settings of the float network's controls -> what is written beside them.
_CONTROLS = {
  '32 bits': '',
  'fine-tuned as long': '',
  'trained anew as briefly as RigL': 'trained briefly',
}
# Points of accuracy below the float network at which a panel ends.
_DEPTH = 35


def draw(rows: Sequence[Row], path: pathlib.Path) -> None:
  """Draws accuracy against size, a panel for each network, and the neighbours.

  Args:
    rows: Of results.json; of one seed, the first.
    path: Of the PNG.
  """
  first = min((row['seed'] for row in rows), default=0)
  rows = [row for row in rows if row['seed'] == first]
  names = [n for n in networks.NETWORKS if table.float_row(rows, n, first)]
  if not names:
    return
  made = figure.Figure(
    figsize=(5.2 * (len(names) + 1), 6), layout='constrained'
  )
  axes = made.subplots(1, len(names) + 1)
  for one, name in zip(axes, names, strict=False):
    _network(one, [r for r in rows if r['network'] == name], name)
  _neighbours(axes[-1], rows, names)
  handles = [
    lines.Line2D([], [], color=colour, marker=marker, linestyle='', label=name)
    for name, (colour, marker) in _STYLES.items()
  ]
  handles += [
    lines.Line2D([], [], label=label, color='grey', linestyle='', **style)
    for label, style in (
      ('published, other networks', {'marker': 'o', 'fillstyle': 'none'}),
      ('below the panel, at its accuracy', {'marker': '$\\downarrow$'}),
    )
  ]
  made.legend(
    handles=handles, loc='outside lower center', ncols=6, frameon=False
  )
  with files.draft(path) as place:
    made.savefig(place, dpi=130)


def _network(axes, rows, name):
  found = {row['technique']: row for row in rows}
  top = 100 * found[techniques.FLOAT]['accuracy_test']
  floor = top - _DEPTH
  axes.axhline(top, color='#222222', linewidth=0.7, linestyle=':')
  known = techniques.all_of(networks.NETWORKS[name])
  for family, (colour, marker) in _STYLES.items():
    ours = [
      (found[key], one.setting)
      for key, one in known.items()
      if one.family == family and key in found
    ]
    points = [
      (row['size_bytes'] / 1000, 100 * row['accuracy_test'], setting)
      for row, setting in ours
    ]
    points.sort()
    if not points:
      continue
    axes.plot(
      [x for x, _, _ in points],
      [max(y, floor) for _, y, _ in points],
      color=colour,
      marker=marker,
      markersize=11 if family == 'float' else 7,
      linestyle='' if family == 'float' else '-',
      linewidth=0.8,
      alpha=0.9,
      clip_on=False,
      zorder=3,
    )
    for x, y, setting in points:
      text = setting.split()[0] if len(points) > 1 else ''
      text = _CONTROLS.get(setting, text)
      if y < floor:
        text += f' ($\\downarrow${y:.0f} %)'
      left = setting in _CONTROLS
      _write(
        axes,
        text,
        (x, max(y, floor)),
        (9, -17) if left else (6, 4),
        colour,
        ha='right' if left else 'left',
      )
  axes.set_ylim(floor, top + 3)
  _sizes(axes, [row['size_bytes'] / 1000 for row in rows])
  axes.set_xlabel('bytes of the file / 1000')
  axes.set_ylabel('test accuracy, %')
  axes.set_title(networks.NETWORKS[name].title, fontsize=11)
  axes.grid(alpha=0.25)


def _write(axes, text, point, offset, colour, **settings):
  label = axes.annotate(
    text,
    point,
    xytext=offset,
    textcoords='offset points',
    color=colour,
    fontsize=8,
    **settings,
  )
  label.set_in_layout(False)


def _sizes(axes, sizes):
  axes.set_xscale('log')
  axes.set_xlim(min(sizes) * 0.85, max(sizes) * 1.2)
  axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
  axes.xaxis.set_major_formatter(ticker.FormatStrFormatter('%g'))
  axes.xaxis.set_minor_locator(ticker.NullLocator())


def _neighbours(axes, rows, names):
  depth, ratios = 10, [1]
  for name in names:
    known = techniques.all_of(networks.NETWORKS[name])
    for row in rows:
      if row['network'] != name or row['technique'] not in known:
        continue
      before = table.reference(rows, row)
      if before is None or known[row['technique']].family == 'float':
        continue
      colour, marker = _STYLES[known[row['technique']].family]
      ratios.append(before['size_bytes'] / row['size_bytes'])
      change = 100 * (row['accuracy_test'] - before['accuracy_test'])
      if change >= -depth:
        axes.plot(
          ratios[-1],
          change,
          color=colour,
          marker=marker,
          markersize=6,
          alpha=0.6,
        )
  for point in published.POINTS:
    if point.ratio is None:
      continue
    colour, marker = _STYLES[point.family]
    ratios.append(point.ratio)
    axes.plot(
      point.ratio,
      point.change,
      color=colour,
      marker=marker,
      markersize=9,
      fillstyle='none',
      markeredgewidth=1.6,
    )
    text = point.what.replace(', ImageNet', '').replace(', CIFAR-10', '')
    right = point.ratio < 20
    offset = (9, -3) if right else (0, 9 if point.ratio < 40 else -16)
    _write(
      axes,
      text,
      (point.ratio, point.change),
      offset,
      colour,
      ha='left' if right else 'center',
    )
  axes.axhline(0, color='#222222', linewidth=0.7, linestyle=':')
  axes.set_ylim(-depth, 3)
  _sizes(axes, ratios)
  axes.set_xlabel('times smaller than the float file')
  axes.set_ylabel('change of test accuracy, points')
  axes.set_title('Both, beside what is published', fontsize=11)
  axes.grid(alpha=0.25)
