"""What a report tells: the rows of a study, its front, its config."""

from collections.abc import Iterable, Mapping
import dataclasses
import json
import math
import pathlib
import re
from typing import Any

from effnas import words
from effnas.report import labels
from effnas.search import metrics

_ALWAYS = ('size_bytes', 'params', 'macs')
_NAMED = 8  # more trials of one source are counted
_BATCH = re.compile(r'\bbatch \d+')
_WORDS = {'proposed': 'unfinished'}  # running, or cut off


@dataclasses.dataclass(frozen=True)
class Row:
  """One trial as a reader meets it.

  Attributes:
    trial: The trial's id.
    arch: Path to choice, as proposed.
    status: 'proposed' (running, or cut off), 'done', 'stopped' or 'failed'.
    reason: Why it failed, else ''.
    metrics: Every number the journal holds about the trial, by name: footprint,
      quality on validation, quality on test ('test_...').
    lines: Name of a metric, 'arch' or 'reason' -> number of its line in
      trials.jsonl, counted from 1.
    broken: Constrained metrics whose value, as evaluated, breaks its bound.
    on_front: Whether it is one of the non-dominated trials.
    sources: Name of a metric -> where its value comes from, in full, or why it
      has none; metrics that are counted or evaluated are left out.
  """

  trial: int
  arch: Mapping[str, Any]
  status: str
  reason: str = ''
  metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
  lines: Mapping[str, int] = dataclasses.field(default_factory=dict)
  broken: tuple[str, ...] = ()
  on_front: bool = False
  sources: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Summary:
  """A study, ready to be shown.

  Attributes:
    workdir: The run's folder.
    config: The run's config, as in config.json.
    environment: What the run ran on, as in environment.json; {} if not there.
    maximize: For each objective, in order, whether more is better.
    constraints: Metric name -> its bound, those that are soft too.
    rows: Every trial, in order of id.
  """

  workdir: pathlib.Path
  config: Mapping[str, Any]
  environment: Mapping[str, Any]
  maximize: Mapping[str, bool]
  constraints: Mapping[str, float]
  rows: tuple[Row, ...]

  @property
  def objectives(self) -> tuple[str, ...]:
    """Names of the objectives, in the config's order."""
    return tuple(self.maximize)

  @property
  def front(self) -> tuple[Row, ...]:
    """The non-dominated trials, ordered by the cost that they pay."""
    order = cost(self)
    members = (row for row in self.rows if row.on_front)
    return tuple(sorted(members, key=lambda r: (r.metrics[order], r.trial)))

  @property
  def metrics(self) -> tuple[str, ...]:
    """Names of all metrics that tell trials apart, objectives first."""
    seen: dict[str, list[Any]] = {name: [] for name in self.objectives}
    for row in self.rows:
      for name, value in row.metrics.items():
        seen.setdefault(name, []).append(value)
    rest = sorted(
      name
      for name, values in seen.items()
      if name not in self.maximize and labels.tells(name, values)
    )
    return self.objectives + tuple(rest)

  def columns(self) -> list[str]:
    """Names of the metrics that a table shows, objectives first."""
    tested = [f'test_{name}' for name in self.objectives]
    asked = [n for n in self.metrics if '@' in n or n in self.constraints]
    names = [*self.objectives, *tested, *_ALWAYS, *asked]
    have = {name for row in self.rows for name in row.metrics}
    return [name for name in dict.fromkeys(names) if name in have]

  def counts(self) -> dict[str, int]:
    """How many trials are in each status, the finished ones first."""
    states = sorted({row.status for row in self.rows} - {'done'})
    every = ('done', *states)
    return {s: sum(row.status == s for row in self.rows) for s in every}

  def sentence(self) -> str:
    """Says in one line how the study stands."""
    if not self.rows:
      return 'no trial yet'
    counts = ', '.join(
      f'{number} {_WORDS.get(status, status)}'
      for status, number in self.counts().items()
    )
    head = f'{words.number(len(self.rows), "trial")}: {counts}'
    if any(row.on_front for row in self.rows):
      return f'{head}; {len(self.front)} on the front'
    return f'{head}; no finished trial yet'

  def title(self) -> str:
    """Names the study by its network or space, and its data."""
    return labels.study(self.config)

  @property
  def sources(self) -> dict[str, str]:
    """Where estimates come from in a word each, e.g. 'datasheet', by metric."""
    words: dict[str, dict[str, None]] = {}
    for row in self.rows:
      for name, text in row.sources.items():
        found = words.setdefault(name, {})
        if name in row.metrics:
          found[labels.source(text)] = None
    return {name: ' and '.join(sorted(w)) for name, w in words.items()}

  def origin(self, name: str) -> str:
    """Says how a metric was found, e.g. 'batch 1, datasheet', else ''."""
    word = self.sources.get(name)
    batch = self._batch(name)
    return f'{batch}, {word}' if word and batch else word or ''

  def origins(self, rows: Iterable[Row]) -> list[str]:
    """Says in full where the estimates of some trials come from.

    Args:
      rows: The trials.

    Returns:
      A line for each metric with a source; where trials differ, it names or
      counts those of each source.
    """
    texts: dict[str, dict[str, list[str]]] = {}
    for row in rows:
      for name, text in row.sources.items():
        batch = '' if _BATCH.search(text) else self._batch(name)
        full = f'{text}, {batch}' if batch else text
        trials = texts.setdefault(name, {}).setdefault(full, [])
        trials.append(str(row.trial))
    lines = []
    for name, found in texts.items():
      said = list(found)
      if len(found) > 1:
        said = [f'{text} ({_trials(ids)})' for text, ids in found.items()]
      lines.append(f'{labels.title(name)}: {"; ".join(said)}')
    return lines

  def _batch(self, name: str) -> str:
    """Says the batch that a metric is at, e.g. 'batch 8', '' if several."""
    texts = (row.sources.get(name, '') for row in self.rows)
    found = {match[0] for t in texts if (match := _BATCH.search(t))}
    metric = labels.metric(name)
    if found or metric is None:
      return found.pop() if len(found) == 1 else ''
    # A journal of an earlier version.
    section = labels.section(self.config, 'footprint')
    batch = metric.batch or section.get('batch')
    return f'batch {batch}' if batch else ''

  def to_dict(self) -> dict[str, Any]:
    """Returns the summary as JSON values; numbers that are not finite: None."""
    return _plain(
      {
        'workdir': self.workdir.name,
        'summary': self.sentence(),
        'objectives': [
          {'metric': name, 'maximize': up} for name, up in self.maximize.items()
        ],
        'constraints': dict(self.constraints),
        'sources': self.sources,
        'front': [row.trial for row in self.front],
        'trials': [dataclasses.asdict(row) for row in self.rows],
        'config': self.config,
        'environment': self.environment,
      }
    )

  def to_json(self) -> str:
    """Returns `to_dict` as a JSON text, for `--format=json`."""
    return json.dumps(self.to_dict(), indent=2)


def cost(summary: Summary) -> str:
  """Returns the objective that orders the front: the first to minimise."""
  for name, maximize in summary.maximize.items():
    if not maximize:
      return name
  return summary.objectives[0]


def axes(summary: Summary) -> tuple[str, ...]:
  """Returns the metrics to draw on the x and y axis, or the only objective.

  The first objective is drawn upwards and the second to the right, except
  that a quality always stands upwards over the cost that it takes, and what is
  better high over what is better low.
  """
  names = summary.objectives[:2]
  if len(names) == 1:
    return names
  first, second = names

  def height(name):
    return not metrics.parse(name).footprint, summary.maximize[name]

  swap = height(second) > height(first)
  return (first, second) if swap else (second, first)


def _trials(ids: list[str]) -> str:
  if len(ids) > _NAMED:
    return words.number(len(ids), 'trial')
  return f'trial{"s" * (len(ids) > 1)} {", ".join(ids)}'


def _plain(value: Any) -> Any:
  if isinstance(value, Mapping):
    return {str(k): _plain(v) for k, v in value.items()}
  if isinstance(value, list | tuple):
    return [_plain(v) for v in value]
  if isinstance(value, float) and not math.isfinite(value):
    return None
  return value
