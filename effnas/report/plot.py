"""pareto.png: the front at a glance.

Two objectives make a scatter with the front as a stair (what the front
dominates lies behind it); a third one becomes colour; a single one is drawn
over the trials with the best so far.
"""

import io
from typing import Any

from matplotlib import colors, ticker
from matplotlib import figure as figures
from matplotlib.backends import backend_agg

from effnas.report import labels, place
from effnas.report import summary as summaries

INK, SOFT, FAINT = '#1f2933', '#66717d', '#d9dee3'
_TRIAL, _FRONT = '#9aa5b1', '#0b63ce'
STYLE: dict[str, Any] = {'size': 10, 'color': INK}
_FAR = 1e90  # matplotlib overflows at far ends of axes
_LOG_SPAN = 30  # an axis whose values span more than this factor is a log axis


def picture(summary: summaries.Summary) -> bytes:
  """Draws the study's trials and front; a PNG of 1200 x 750 pixels.

  Args:
    summary: The study.
  """
  figure = canvas(8, 5)
  names = summaries.axes(summary)
  wanted = {*names, *summary.objectives[:3]}
  rows = [r for r in summary.rows if r.status == 'done']
  ready = [r for r in rows if wanted <= set(r.metrics)]
  rows = [r for r in ready if all(drawable(r.metrics[n]) for n in wanted)]
  left = len(ready) - len(rows)
  if rows:
    _draw(figure, summary, rows, names)
  else:
    said = 'no trial can be drawn' if left else 'no finished trial yet'
    figure.text(0.5, 0.5, said, ha='center', **STYLE)
  note = summary.sentence()
  if left:
    note += f'; {left} not drawn, too far out'
  note += ' (labels: trial ids)' * bool(rows)
  figure.supxlabel(note, fontsize=8.5, color=SOFT, x=0.99, ha='right')
  if rows:
    _name(figure, summary, rows, names)
  return png(figure)


def canvas(width: float, height: float) -> Any:
  """Returns a matplotlib figure, 150 pixels an inch, to draw on.

  Args:
    width: In inches.
    height: In inches.
  """
  figure = figures.Figure(
    figsize=(width, height), dpi=150, layout='constrained'
  )
  backend_agg.FigureCanvasAgg(figure)
  return figure


def png(figure: Any) -> bytes:
  """Returns a figure as PNG; equal figures give equal bytes."""
  drawn = io.BytesIO()
  figure.savefig(drawn, facecolor='white', metadata={'Software': 'effnas'})
  return drawn.getvalue()


def frame(axes: Any) -> None:
  """Gives axes the look of all our plots: faint grid, no box."""
  for side in ('top', 'right'):
    axes.spines[side].set_visible(False)
  for side in ('left', 'bottom'):
    axes.spines[side].set_color(FAINT)
  axes.tick_params(colors=SOFT, labelsize=9, length=3, which='both')
  axes.grid(color=FAINT, linewidth=0.5, alpha=0.7)
  axes.set_axisbelow(True)


def drawable(number: float) -> bool:
  """Whether a number is within what axes can reach, whatever lies beside it."""
  return number == 0 or 1 / _FAR <= abs(number) <= _FAR


def is_log(values: list[float]) -> bool:
  """Whether values are better seen on a log axis."""
  return min(values) > 0 and max(values) > _LOG_SPAN * min(values)


def stairs(x_maximize: bool) -> str:
  """Returns the way of steps that bounds what the front dominates."""
  return 'steps-pre' if x_maximize else 'steps-post'


def _draw(
  figure: Any, summary: summaries.Summary, rows: list, names: tuple[str, ...]
) -> None:
  axes = figure.add_subplot()
  axes.set_title(summary.title(), loc='left', pad=12, **STYLE)
  axes.margins(0.06, 0.09)
  frame(axes)
  if len(names) == 1:
    _progress(axes, summary, rows)
  else:
    _scatter(axes, summary, rows, names)
  axes.legend(frameon=False, fontsize=9, labelcolor=INK, loc='best')


def _name(
  figure: Any, summary: summaries.Summary, rows: list, names: tuple[str, ...]
) -> None:
  """Labels the front, once everything else has its place."""
  figure.draw_without_rendering()
  named, corner = _named(rows, names), _corner(summary, names)
  renderer = figure.canvas.get_renderer()
  place.labels(figure.axes[0], renderer, named, _FRONT, corner)


def _scatter(
  axes: Any, summary: summaries.Summary, rows: list, names: tuple[str, ...]
) -> None:
  x, y = names
  _axis(axes, summary, x, 'x', [r.metrics[x] for r in rows])
  _axis(axes, summary, y, 'y', [r.metrics[y] for r in rows])
  rest = [r for r in rows if not r.on_front]
  front = sorted(
    (r for r in rows if r.on_front), key=lambda r: (r.metrics[x], r.metrics[y])
  )
  for name, bound in summary.constraints.items():
    if name in names and drawable(bound):
      line = axes.axvline if name == x else axes.axhline
      text = f'bound {labels.value(name, bound)}'
      line(bound, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), label=text)
  if len(summary.objectives) > 2:
    _coloured(axes, summary, (rest, front), names)
    return
  for broken, marker, text in (
    (False, 'o', 'trial'),
    (True, 'x', 'breaks a bound'),
  ):
    some = [r for r in rest if bool(r.broken) is broken]
    if some:
      axes.scatter(
        *_columns(some, names),
        s=26,
        c=_TRIAL,
        marker=marker,
        linewidths=1 if marker == 'x' else 0,
        alpha=0.8,
        label=text,
      )
  axes.plot(
    *_columns(front, names),
    drawstyle=stairs(summary.maximize[x]),
    color=_FRONT,
    linewidth=1.4,
    marker='o',
    markersize=6.5,
    markeredgecolor='white',
    markeredgewidth=0.8,
    label='front',
    zorder=3,
  )


def _coloured(
  axes: Any, summary: summaries.Summary, groups: tuple, names: tuple[str, ...]
) -> None:
  hue = summary.objectives[2]
  values = [r.metrics[hue] for rows in groups for r in rows]
  scale = colors.LogNorm if is_log(values) else colors.Normalize
  norm = scale(min(values), max(values))
  looks = (
    {'s': 26, 'alpha': 0.55, 'linewidths': 0, 'label': 'trial'},
    {'s': 62, 'edgecolors': INK, 'linewidths': 1.3, 'label': 'front'},
  )
  for rows, look in zip(groups, looks, strict=True):
    if not rows:
      continue
    hues = [r.metrics[hue] for r in rows]
    dots = axes.scatter(
      *_columns(rows, names), c=hues, norm=norm, cmap='viridis', **look
    )
  bar = axes.figure.colorbar(dots, ax=axes, pad=0.02, aspect=30)
  bar.outline.set_visible(False)
  bar.ax.tick_params(colors=SOFT, labelsize=9, length=3, which='both')
  better = 'more' if summary.maximize[hue] else 'less'
  text = f'{labels.axis(hue, summary.origin(hue))}, {better} is better'
  bar.set_label(text, **STYLE)
  _ticks(bar.ax.yaxis, hue, is_log(values))


def _progress(axes: Any, summary: summaries.Summary, rows: list) -> None:
  (name,) = summary.objectives
  values = [r.metrics[name] for r in rows]
  _axis(axes, summary, name, 'y', values)
  axes.set_xlabel('trial', **STYLE)
  axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
  choose = max if summary.maximize[name] else min
  best, so_far = [], None
  for row in rows:
    number = row.metrics[name]
    so_far = number if so_far is None else choose(so_far, number)
    best.append((row.trial, so_far))
  trials = [r.trial for r in rows]
  axes.scatter(trials, values, s=26, c=_TRIAL, linewidths=0, label='trial')
  axes.plot(
    *zip(*best, strict=True),
    drawstyle='steps-post',
    color=_FRONT,
    linewidth=1.6,
    label='best so far',
  )
  front = [(r.trial, r.metrics[name]) for r in rows if r.on_front]
  if front:
    axes.scatter(*zip(*front, strict=True), s=46, c=_FRONT, zorder=3)


def _axis(
  axes: Any, summary: summaries.Summary, name: str, side: str, values: list
) -> None:
  """Labels the x or y axis and says which way is better."""
  log = is_log(values)
  text = labels.axis(name, summary.origin(name))
  up = summary.maximize[name]
  axes.set(
    **{
      f'{side}label': f'{text}   better →' if up else f'← better   {text}',
      f'{side}scale': 'log' if log else 'linear',
    }
  )
  axis = axes.xaxis if side == 'x' else axes.yaxis
  axis.label.set(**STYLE)
  _ticks(axis, name, log)


def _ticks(axis: Any, name: str, log: bool) -> None:
  if log:
    axis.set_major_locator(ticker.LogLocator(10, subs=(1, 2, 5)))
    axis.set_minor_formatter(ticker.NullFormatter())
  if labels.scaled(name):
    axis.set_major_formatter(ticker.EngFormatter(labels.unit(name)))
  elif log:
    axis.set_major_formatter(ticker.FormatStrFormatter('%g'))


def _columns(rows: list, names: tuple[str, ...]) -> tuple[list, ...]:
  return tuple([row.metrics[name] for row in rows] for name in names)


def _named(
  rows: list, names: tuple[str, ...]
) -> dict[tuple[float, float], str]:
  """Maps each place of the front to the ids of the trials that stand there."""
  named: dict[tuple[float, float], list[str]] = {}
  for row in rows:
    if row.on_front:
      spot = tuple(row.metrics[n] for n in names)
      spot = spot if len(spot) == 2 else (row.trial, *spot)
      named.setdefault(spot, []).append(str(row.trial))
  return {spot: ', '.join(trials) for spot, trials in named.items()}


def _corner(
  summary: summaries.Summary, names: tuple[str, ...]
) -> tuple[int, int]:
  """Signs of the better ends of x and y: no stair of the front runs there."""
  if len(names) == 1:
    return -1, 1 if summary.maximize[names[0]] else -1
  x, y = (1 if summary.maximize[name] else -1 for name in names)
  return x, y
