"""The one place where the folder of a run becomes rows."""

from collections.abc import Mapping, Sequence
import pathlib
from typing import Any

from effnas import errors, files
from effnas.report import summary as summaries
from effnas.search import journal, metrics, problem
from effnas.search import trial as trial_lib

_HOLDS = {'proposed': 'footprint', 'done': 'metrics', 'tested': 'metrics'}


def read(workdir: str | pathlib.Path) -> summaries.Summary:
  """Reads a study from the folder of its run.

  Args:
    workdir: The folder, with config.json and trials.jsonl.

  Returns:
    Every trial that the journal holds, with the front marked.

  Raises:
    UserError: The folder is none of a run, or a file in it is corrupt.
  """
  folder = pathlib.Path(workdir)
  for name in ('trials.jsonl', 'config.json'):
    if not (folder / name).is_file():
      raise errors.UserError(
        f'no {name} in {folder}; give the workdir of a search'
      )
  config = _load(folder / 'config.json')
  objectives, constraints, soft = _wanted(config, folder / 'config.json')
  trials, events = journal.told(folder)
  lines = _lines(events, trials)
  needed = {*objectives, *soft}
  ready = [t for t in trials if needed <= set(_numbers(t))]
  front = {trial.id for trial in problem.front(ready, objectives, soft)}
  environment = folder / 'environment.json'
  return summaries.Summary(
    workdir=folder,
    config=config,
    environment=_load(environment) if environment.is_file() else {},
    maximize={name: metrics.parse(name).maximize for name in objectives},
    constraints={**constraints, **soft},
    rows=tuple(
      _row(trial, lines[trial.id], {**constraints, **soft}, trial.id in front)
      for trial in trials
    ),
  )


def _wanted(
  config: Mapping[str, Any], file: pathlib.Path
) -> tuple[list[str], dict[str, float], dict[str, float]]:
  """The objectives, constraints and soft constraints of a study."""
  section = config.get('search')
  objectives = isinstance(section, dict) and section.get('objectives')
  if not isinstance(section, dict) or not isinstance(objectives, list):
    raise errors.UserError(
      f'{file} names no search.objectives; give the workdir of a search'
    )
  bounds: list[dict[str, float]] = []
  for key in ('constraints', 'soft_constraints'):
    told = section.get(key) or {}
    if not isinstance(told, dict) or not all(map(_is_number, told.values())):
      raise errors.UserError(
        f'{file}: search.{key} maps metrics to their bounds; got {told!r}'
      )
    bounds.append(told)
  problem.check(objectives, *bounds)
  return objectives, bounds[0], bounds[1]


def _row(
  trial: trial_lib.Trial,
  lines: Mapping[str, int],
  constraints: Mapping[str, float],
  on_front: bool,
) -> summaries.Row:
  numbers = _numbers(trial)
  return summaries.Row(
    trial=trial.id,
    arch=trial.arch,
    status=trial.status,
    reason=trial.reason,
    metrics=numbers,
    lines=lines,
    broken=tuple(
      name
      for name, bound in constraints.items()
      if name in numbers and not problem.met(name, numbers[name], bound)
    ),
    on_front=on_front,
    sources=_sources(trial),
  )


def _numbers(trial: trial_lib.Trial) -> dict[str, float]:
  """Every number about a trial: what was evaluated over what was foreseen."""
  every = {**trial.footprint, **trial.metrics}
  values = {name: trial.value(name) for name in every}
  return {name: value for name, value in values.items() if _is_number(value)}


def _sources(trial: trial_lib.Trial) -> dict[str, str]:
  """Where estimates come from, and why some are missing, by metric."""
  numbers = _numbers(trial)
  found = {n: text for n, text in trial.sources.items() if n in numbers}
  for name, reason in trial.metrics.items():
    if name.startswith(metrics.UNCOMPILED):
      target = name.removeprefix(metrics.UNCOMPILED)
      found[f'peak_memory_bytes@{target}'] = f'failed to compile: {reason}'
  return found


def _lines(
  events: Sequence[tuple[int, Mapping[str, Any]]],
  trials: Sequence[trial_lib.Trial],
) -> list[dict[str, int]]:
  """Finds for each trial the lines, from 1, that hold what its row says."""
  lines: list[dict[str, int]] = [{} for _ in trials]
  values = [_numbers(trial) for trial in trials]
  for number, event in events:
    found = lines[event['trial']]
    if event['event'] == 'proposed':
      found['arch'] = number
    if event['event'] == 'failed':
      found['reason'] = number
    held = _HOLDS.get(event['event'])
    told = event.get(held, {}) if held else {}
    said = values[event['trial']]
    found.update(
      {n: number for n, v in told.items() if n in said and said[n] == v}
    )
  return lines


def _is_number(value: Any) -> bool:
  return isinstance(value, int | float) and not isinstance(value, bool)


def _load(path: pathlib.Path) -> dict[str, Any]:
  value = files.read_json(path, 'file')
  if not isinstance(value, dict):
    raise errors.UserError(f'{path} must hold a JSON object')
  return value
