"""A step of the walk: an ordinary search, and what its trials stand for."""

from collections.abc import Callable, Mapping
import copy
import dataclasses
import json
from typing import Any

from effnas.search import declared, plain
from effnas.strategy.guide import axes
from effnas.strategy.guide import point as point_lib

_SECTIONS = ('quant', 'optim', 'train', 'compress')


class Skip(Exception):
  """The step has nothing to do here; the text says why."""


@dataclasses.dataclass(frozen=True)
class Step:
  """A search among networks, one of which the walk may go on with.

  Attributes:
    config: Of the search.
    point: From the arch of a trial to the network, with what is done to it.
    said: From the arch of a trial to what it changes, in words.
  """

  config: Mapping[str, Any]
  point: Callable[[Mapping[str, Any]], point_lib.Point]
  said: Callable[[Mapping[str, Any]], str]


def listed(
  candidates: Mapping[str, point_lib.Point],
  search: Mapping[str, Any],
  axis: axes.Axis | None = None,
) -> Step:
  """Returns the step that tries each of some networks.

  Args:
    candidates: In words to the network; they differ in their width and in
      their sections, where what differs becomes a choice.
    search: The section 'search'; what it tries is set here.
    axis: What the width is, where it differs.

  Returns:
    The step.
  """
  points = list(candidates.values())
  first = points[0]
  config = {**first.config, **first.space()}
  archs: list[dict[str, Any]] = [{} for _ in points]
  moves = axis is not None and axis.kind != 'remove'
  widths = [axis.now(p) for p in points] if axis and moves else []
  if axis and len(set(widths)) > 1:
    config |= axis.space(first, sorted(set(widths)))
    for arch, width in zip(archs, widths, strict=True):
      arch['width'] = width
  for section in _SECTIONS:
    config[section] = _varied(
      [_flat(p.config[section]) for p in points], section, archs
    )
  theirs = ('tune_searcher', 'tune_scheduler')  # they would try others
  config['search'] = {
    **{key: value for key, value in search.items() if key not in theirs},
    'sampler': 'random',
    'sampler_args': {},
    'scheduler': 'none',
    'scheduler_args': {},
    'start_with': archs,
    'trials': len(archs),
  }
  files = {p.trained for p in points}
  config |= first.guide(files.pop() if len(files) == 1 else None)
  known = {
    plain.key(arch): (said, point)
    for arch, (said, point) in zip(archs, candidates.items(), strict=True)
  }
  return Step(
    config,
    lambda arch: known[plain.key(arch)][1],
    lambda arch: known[plain.key(arch)][0],
  )


def _varied(
  values: list[dict[str, Any]], section: str, archs: list[dict[str, Any]]
) -> dict[str, Any]:
  """Returns a section in which what differs is a choice; completes archs."""
  made: dict[str, Any] = {}
  for path in dict.fromkeys(path for one in values for path in one):
    said = [one[path] for one in values if path in one]
    # A step that is not in the order may have any settings.
    missing = said[0] if section == 'compress' else None
    column = [one.get(path, missing) for one in values]
    options: list[Any] = []
    column = [_sorted(value) for value in column]
    for value in column:
      if not any(_same(value, option) for option in options):
        options.append(value)
    if len(options) == 1:
      point_lib.put(made, path, copy.deepcopy(options[0]))
      continue
    point_lib.put(made, path, {'oneof': options})
    labels = declared.found({'it': {'oneof': options}})['it'].labels
    for arch, value in zip(archs, column, strict=True):
      index = next(i for i, o in enumerate(options) if _same(value, o))
      arch[f'{section}.{path}'] = labels[index]
  return made


def _flat(section: Mapping[str, Any], above: str = '') -> dict[str, Any]:
  found: dict[str, Any] = {}
  for key, value in section.items():
    path = f'{above}.{key}' if above else key
    if isinstance(value, Mapping) and value and '.' not in ''.join(value):
      found |= _flat(value, path)
    else:
      found[path] = value
  return found


def _sorted(value: Any) -> Any:
  """A value as a search reads it from its config; labels go by the order."""
  return json.loads(json.dumps(value, sort_keys=True))


def _same(a: Any, b: Any) -> bool:
  return plain.key({'it': a}) == plain.key({'it': b})
