"""What a walk of the guide leaves: walk.csv, front.csv and guide.png.

walk.csv has a row per step: `step`, `kind`, `kept` (yes or no), `why` not,
`what` (the change), `trial`, and for quality and each footprint metric `before`
and `after`. front.csv has a row per network that no other one dominates:
`step`, `trial`, `what`, `chosen`, and each metric. Numbers are Python's `repr`.

The picture has quality over cost: every network tried, the front as a stair,
and the walk as arrows from the baseline, each named by its step.
"""

from collections.abc import Iterator, Mapping, Sequence
import itertools
import pathlib
from typing import Any

from effnas import files, words
from effnas.report import labels
from effnas.search.networks import candidate
from effnas.strategy import guide

_WALK = '#d9822b'
_VERBS = {
  'shrink': 'Shrink and improve',
  'grow': 'Grow, improve and shrink',
}


def write(walk: guide.Walk, folder: pathlib.Path) -> None:
  """Writes walk.csv, front.csv and guide.png.

  Args:
    walk: The walk.
    folder: To write into.
  """
  files.write_all(
    {
      folder / 'walk.csv': files.table(_steps(walk)),
      folder / 'front.csv': files.table(_front(walk)),
      folder / 'guide.png': _draw(walk),
    }
  )


def metrics(walk: guide.Walk) -> list[str]:
  """Returns the metrics that are told: quality, then what it costs."""
  plan = walk.plan
  have = walk.baseline.values
  return [n for n in (plan.quality, *plan.metrics) if n in have]


def sentence(walk: guide.Walk) -> str:
  """Returns what a walk recommends."""
  return guide.sentence(walk, labels.title, labels.value)


def columns(walk: guide.Walk) -> list[str]:
  """Returns the metrics of the printed table: those asked for, and latencies.

  Args:
    walk: The walk.
  """
  plan = walk.plan
  timed = [name for name in metrics(walk) if '@' in name]
  wanted = (plan.quality, plan.cost, *plan.budget, 'size_bytes', 'macs', *timed)
  return list(dict.fromkeys(wanted))


def cells(row: guide.Row, names: Sequence[str]) -> list[str]:
  """Writes a step for the printed table.

  Args:
    row: The step.
    names: The metrics.

  Returns:
    Its name, what it changes, for each metric what it was before and after,
    and whether it was kept, or why not.
  """
  after = row.after
  what = (after.said or '-') if after else '-'
  kept = 'yes' if row.kept else f'no: {row.why}'
  return [row.step, what, *(_change(row, name) for name in names), kept]


def line(row: guide.Row, plan: guide.Plan) -> str:
  """Says in a line what came of a step.

  Args:
    row: The step.
    plan: Of the walk.
  """
  if row.after is None:
    return f'{row.step}: {row.why}'
  numbers = ', '.join(
    _said(name, row.after.values[name]) for name in (plan.quality, plan.cost)
  )
  what = f'{row.after.said}, ' if row.after.said else ''
  end = 'kept' if row.kept else f'not kept: {row.why}'
  return f'{row.step}: {what}{numbers}; {end}'


def notes(walk: guide.Walk) -> list[str]:
  """Says where the latencies come from, and how fine the quality is.

  Args:
    walk: The walk.
  """
  lines = [
    f'{labels.title(name)}: {source}'
    for name, source in walk.chosen.sources.items()
    if name in columns(walk)
  ]
  examples = len(candidate.load_data(walk.plan.config).valid.x)
  return [
    *lines,
    f'{words.number(len(walk.tried), "network")} tried; one of the '
    f'{words.number(examples, "example")} of the validation split is '
    f'{100 / examples:.2g} points',
  ]


def to_dict(walk: guide.Walk) -> dict[str, Any]:
  """Returns a walk as JSON values.

  Args:
    walk: The walk.
  """
  plan, names = walk.plan, metrics(walk)

  def told(one):
    if one is None:
      return None
    numbers = {name: one.values[name] for name in names}
    return {'step': one.step, 'trial': one.trial, 'what': one.said} | numbers

  return {
    'goal': plan.goal,
    'quality': plan.quality,
    'cost': plan.cost,
    'budget': dict(plan.budget),
    'keep_quality': plan.keep,
    'rows': [
      {
        'step': row.step,
        'kind': row.kind,
        'before': told(row.before),
        'after': told(row.after),
        'kept': row.kept,
        'why': row.why,
        'trials': row.trials,
        'folder': row.folder,
      }
      for row in walk.rows
    ],
    'front': [told(one) for one in walk.front],
    'chosen': told(walk.chosen),
    'test': {'baseline': walk.tests[0], 'chosen': walk.tests[1]},
    'recommendation': sentence(walk),
  }


def _steps(walk: guide.Walk) -> Iterator[list[Any]]:
  """The rows of walk.csv, titles first."""
  names = metrics(walk)
  ends = [f'{name} {end}' for name in names for end in ('before', 'after')]
  yield ['step', 'kind', 'kept', 'why', 'what', 'trial', *ends]
  for row in walk.rows:
    ends = [
      _exact(one, name) for name in names for one in (row.before, row.after)
    ]
    kept = 'yes' if row.kept else 'no'
    what = [row.after.said, row.after.trial] if row.after else ['', '']
    yield [row.step, row.kind, kept, row.why, *what, *ends]


def _front(walk: guide.Walk) -> Iterator[list[Any]]:
  """The rows of front.csv, titles first."""
  names = metrics(walk)
  yield ['step', 'trial', 'what', 'chosen', *names]
  for one in walk.front:
    chosen = 'yes' if one is walk.chosen else 'no'
    numbers = [_exact(one, name) for name in names]
    yield [one.step, one.trial, one.said, chosen, *numbers]


def _change(row: guide.Row, name: str) -> str:
  texts = [
    _said(name, one.values.get(name))
    for one in (row.before, row.after)
    if one is not None
  ]
  if len(texts) < 2 or texts[0] == texts[1]:
    return texts[-1] if texts else '-'
  return ' → '.join(texts)


def _said(name: str, value: float | None) -> str:
  metric = labels.metric(name)
  if value is None or metric is None or metric.footprint:
    return labels.value(name, value)
  return f'{guide.percent(value)} %'


def _exact(one: guide.Tried | None, name: str) -> str:
  return repr(one.values[name]) if one and name in one.values else ''


def _draw(walk: guide.Walk) -> bytes:
  # Drawing is loaded only when something is drawn.
  from effnas.report import place, plot

  plan = walk.plan
  figure = plot.canvas(8, 5)
  axes = figure.add_subplot()
  plot.frame(axes)
  axes.margins(0.08, 0.12)
  costs = [one.values[plan.cost] for one in walk.tried]
  if plot.is_log(costs):
    axes.set_xscale('log')
    axes.xaxis.get_major_locator().set_params(subs=(1, 2, 5))
    axes.xaxis.set_minor_formatter('')
  axes.xaxis.set_major_formatter(lambda x, _: labels.value(plan.cost, x))
  axes.yaxis.set_major_formatter(lambda y, _: f'{100 * y:.4g} %')
  axes.set_xlabel(f'← better   {labels.axis(plan.cost)}', **plot.STYLE)
  text = f'{labels.axis(plan.quality)} on validation   better →'
  axes.set_ylabel(text, **plot.STYLE)
  subject = labels.study(plan.config)
  axes.set_title(f'{_VERBS[plan.goal]} {subject}', loc='left', **plot.STYLE)
  _bounds(axes, walk, plot)
  axes.scatter(
    *_spots(walk, walk.tried),
    s=24,
    c='#9aa5b1',
    linewidths=0,
    label='network tried',
  )
  axes.plot(
    *_spots(walk, walk.front),
    drawstyle=plot.stairs(x_maximize=False),
    color='#0b63ce',
    linewidth=1.4,
    label='front',
    zorder=2,
  )
  spots = list(zip(*_spots(walk, walk.path), strict=True))
  for (x, y), end in itertools.pairwise(spots):
    axes.annotate(
      '',
      end,
      (x, y),
      arrowprops={'arrowstyle': '-|>', 'color': _WALK, 'linewidth': 1.6},
      zorder=3,
    )
  axes.plot(
    *zip(*spots, strict=True),
    linestyle='',
    marker='o',
    markersize=6,
    color=_WALK,
    markeredgecolor='white',
    label='the walk',
    zorder=4,
  )
  axes.scatter(
    *_spots(walk, [walk.chosen]),
    s=130,
    facecolors='none',
    edgecolors=plot.INK,
    linewidths=1.3,
    label='recommended',
    zorder=5,
  )
  axes.legend(frameon=False, fontsize=9, labelcolor=plot.INK, loc='lower right')
  figure.supxlabel(
    f'{words.number(len(walk.tried), "network")} tried',
    fontsize=8.5,
    color=plot.SOFT,
    x=0.99,
    ha='right',
  )
  figure.draw_without_rendering()
  renderer = figure.canvas.get_renderer()
  # Towards the middle, where there is room, and not under an arrow from above.
  middle, names = sum(axes.bbox.intervalx) / 2, _named(walk)
  falls = {
    after for before, after in itertools.pairwise(names) if before[1] > after[1]
  }
  for side, up in itertools.product((1, -1), (1, -1)):
    some = {
      spot: text
      for spot, text in names.items()
      if (axes.transData.transform(spot)[0] < middle) == (side > 0)
      and (spot in falls) == (up < 0)
    }
    place.labels(axes, renderer, some, _WALK, (side, up))
  return plot.png(figure)


def _bounds(axes: Any, walk: guide.Walk, plot: Any) -> None:
  """The least quality, or the budget."""
  plan = walk.plan
  look = {'color': plot.SOFT, 'linewidth': 0.9, 'linestyle': (0, (4, 3))}
  if plan.goal == 'shrink':
    text = f'{plan.keep:g} points under the baseline'
    axes.axhline(walk.floor, label=text, **look)
  if plan.cost in plan.budget:
    bound = plan.budget[plan.cost]
    text = f'budget {labels.value(plan.cost, bound)}'
    axes.axvline(bound, label=text, **look)


def _spots(walk: guide.Walk, some: Any) -> tuple[list[float], list[float]]:
  plan = walk.plan
  return (
    [one.values[plan.cost] for one in some],
    [one.values[plan.quality] for one in some],
  )


def _named(walk: guide.Walk) -> Mapping[tuple[float, float], str]:
  """Maps the places of the walk to the steps that lead there."""
  plan = walk.plan
  found: dict[tuple[float, float], list[str]] = {}
  for row in walk.rows:
    one = row.after
    if one is None or not row.kept:
      continue
    spot = one.values[plan.cost], one.values[plan.quality]
    short = row.kind in ('start', 'improve')
    found.setdefault(spot, []).append(row.step if short else one.said)
  return {spot: ', '.join(names) for spot, names in found.items()}
