"""Going on from what an earlier search found, in a search of its own.

What is used of the earlier search is copied into the new workdir, so that the
search is resumed with the very same, whatever becomes of the other folder.
"""

from collections.abc import Callable, Mapping, Sequence
import logging
import pathlib
from typing import Any

import numpy as np

from effnas import errors, files
from effnas.search import journal, plain, workdir
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto

_log = logging.getLogger(__name__)
_COPY = 'warm_start.json'
_SHARE = 4  # at most one of so many trials is one of the earlier front

Propose = Callable[..., dict[str, Any]]


def load(
  other: str | pathlib.Path,
  folder: pathlib.Path,
  problem: problem_lib.Problem,
) -> list[trial_lib.Trial]:
  """Returns the trials of an earlier search that this one can use.

  Args:
    other: The workdir of the earlier search.
    folder: The workdir of this one, which keeps a copy.
    problem: What is searched for now: trials count that are points of its
      space and have all of its objectives.

  Raises:
    UserError: There is no search in the folder, or nothing of it can be used.
  """
  kept = told(other, folder, problem)
  if not (folder / _COPY).is_file():
    files.write_json(folder / _COPY, kept)
  return [
    # Numbers of their own, below those of this search.
    trial_lib.Trial(i, status='done', **one)
    for i, one in enumerate(kept)
  ]


def told(
  other: str | pathlib.Path,
  folder: pathlib.Path,
  problem: problem_lib.Problem,
) -> list[dict[str, Any]]:
  """Returns what a search is told of an earlier one: its copy, once it has one.

  Args:
    other: The workdir of the earlier search.
    folder: The workdir of this one; it need not be there yet.
    problem: As for `load`.

  Raises:
    UserError: As for `load`.
  """
  if (folder / _COPY).is_file():
    return files.read_json(folder / _COPY, 'copy of the warm start,')
  return plain.plain(
    [
      {'arch': t.arch, 'footprint': t.footprint, 'metrics': t.metrics}
      for t in _usable(pathlib.Path(other), problem)
    ]
  )


def best(
  trials: Sequence[trial_lib.Trial], problem: problem_lib.Problem, total: int
) -> list[Mapping[str, Any]]:
  """Returns the architectures of an earlier front, the most useful first.

  Args:
    trials: The earlier trials.
    problem: What is searched for.
    total: How many trials there shall be in all; of the front at most a quarter
      of that is taken, evenly spread.
  """
  points = problem.scores(trials)
  front = set(pareto.front(points).tolist())
  order = [i for i in np.argsort(pareto.places(points)) if i in front]
  allowed = [
    trials[i].arch
    for i in order
    if not problem.broken(problem.footprint(trials[i].arch))
  ]
  return allowed[: max(1, total // _SHARE)]


def shown(propose: Propose, trials: Sequence[trial_lib.Trial]) -> Propose:
  """Returns a sampler that sees earlier trials before those of the search.

  Args:
    propose: The sampler.
    trials: The earlier trials.
  """

  def proposed(
    space: Any,
    problem: problem_lib.Problem,
    own: Sequence[trial_lib.Trial],
    rng: np.random.Generator,
  ) -> dict[str, Any]:
    return propose(space, problem, [*trials, *own], rng)

  return proposed


def _usable(
  other: pathlib.Path, problem: problem_lib.Problem
) -> list[trial_lib.Trial]:
  for name in ('trials.jsonl', 'config.json'):
    if not (other / name).is_file():
      raise errors.UserError(
        f'warm start: no {name} in {other}; give the workdir of a search'
      )
  done = [t for t in journal.read(other) if t.status == 'done']
  if not done:
    raise errors.UserError(f'warm start: no trial of {other} is done')
  wanted = (*problem.objectives, *problem.soft)
  fitting = [t for t in done if _fits(t.arch, problem.space)]
  if not fitting:
    config = files.read_json(other / 'config.json', 'config')
    described = isinstance(config, dict) and config.get('space_description')
    differ = workdir.differences(
      _decisions(described),
      _decisions(plain.plain(problem.space.describe())),
      'space',
    )
    said = '; '.join(differ[:3]).replace('(workdir)', '(earlier)')
    raise errors.UserError(
      f'warm start: no trial of {other} is a point of this space: {said}; warm '
      'starts need a search of the same or a smaller space'
    )
  useful = [t for t in fitting if all(t.value(n) is not None for n in wanted)]
  if not useful:
    lacks = [n for n in wanted if fitting[0].value(n) is None]
    raise errors.UserError(
      f'warm start: the trials of {other} lack {", ".join(lacks)}; search for '
      'what they have'
    )
  if len(useful) < len(done):
    _log.warning(
      'warm start: %d of %d trials are points of this space and have all '
      'objectives',
      len(useful),
      len(done),
    )
  return useful


def _decisions(description: Any) -> Any:
  """Returns what a description of a space says of each decision, by key."""
  try:
    return {one['key']: one for one in description['decisions']}
  except (KeyError, TypeError):  # a hand's work
    return description


def _fits(arch: Mapping[str, Any], space: Any) -> bool:
  try:
    space.check(arch)
  except errors.UserError:
    return False
  return True
