"""What is searched for: space, objectives, constraints, footprint."""

from collections.abc import Callable, Iterable, Mapping, Sequence
import dataclasses
import math
from typing import Any

import numpy as np

from effnas import errors
from effnas.search import event, metrics, plain
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto


def _no_sources(arch: Mapping[str, Any]) -> dict[str, str]:
  """The sources of a footprint of which nothing is known."""
  return {}


@dataclasses.dataclass(frozen=True)
class Problem:
  """A search problem.

  Attributes:
    space: The `effnas.space.Space` to search.
    objectives: Names of metrics, quality or footprint; their direction is
      theirs.
    footprint: From an architecture to what it costs, by metric, without
      training it. Where it fails, so does the trial; where it fails for
      every architecture, the search ends with its error.
    constraints: Footprint metric to its bound: the most it may be, or the
      least where more of it is better.
    soft: Likewise for any metric: a trial that breaks it is run, and is worse
      than every trial that keeps to all of them; see `scores`.
    starts: Architectures to try first: published ones, the user's own.
    provenance: Where the data comes from, as JSON values, for the record.
    identity: Checksums of the data and of other files, by name: a search goes
      on with the same only; see `effnas.search.identity`.
    sources: From an architecture to where its footprint's estimates come from,
      a text by metric; what is counted exactly is left out.
    remarks: Called before the first trial: lines that whoever started the
      search should read.
  """

  space: Any
  objectives: Sequence[str]
  footprint: Callable[[Mapping[str, Any]], Mapping[str, Any]]
  constraints: Mapping[str, float] = dataclasses.field(default_factory=dict)
  soft: Mapping[str, float] = dataclasses.field(
    default_factory=dict, kw_only=True
  )
  starts: Sequence[Mapping[str, Any]] = dataclasses.field(
    default=(), kw_only=True
  )
  provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  identity: Mapping[str, str] = dataclasses.field(
    default_factory=dict, kw_only=True
  )
  sources: Callable[[Mapping[str, Any]], Mapping[str, str]] = _no_sources
  remarks: Callable[[], Sequence[str]] = dataclasses.field(
    default=tuple, kw_only=True
  )

  def __post_init__(self) -> None:
    check(self.objectives, self.constraints, self.soft)

  def broken(self, footprint: Mapping[str, Any]) -> dict[str, float]:
    """Returns the constraints that a footprint breaks, with its values.

    Args:
      footprint: What an architecture costs, by metric.

    Raises:
      UserError: The footprint says nothing about a constrained metric.
    """
    broken = {}
    for name, bound in self.constraints.items():
      if name not in footprint:
        known = ', '.join(sorted(footprint)) or 'nothing'
        raise errors.UserError(
          f'the constraint {bounded(name, bound)} cannot be checked: the '
          f'footprint tells {known}'
        )
      if not met(name, footprint[name], bound):
        broken[name] = float(footprint[name])
    return broken

  def flaw(self, trial: trial_lib.Trial, found: Mapping[str, Any]) -> str:
    """Returns what makes the results of a trial useless, '' if nothing.

    Args:
      trial: The trial.
      found: The metrics of its evaluation, plain values.
    """
    for name in (*self.objectives, *self.soft):
      value = found.get(name, trial.footprint.get(name))
      if value is None:
        return f'the evaluation gave no {name}'
      if why := metrics.flaw(name, value):
        return why
    return event.flaw(plain.plain(found))

  def scores(self, trials: Iterable[trial_lib.Trial]) -> np.ndarray:
    """Returns the objectives of done trials, to be minimised; see `scores`."""
    return scores(trials, self.objectives, self.soft)


def scores(
  trials: Iterable[trial_lib.Trial],
  objectives: Sequence[str],
  soft: Mapping[str, float] | None = None,
) -> np.ndarray:
  """Returns the objectives of done trials, turned so that less is better.

  A trial that breaks a soft constraint has in their place, for each objective,
  the worst value of those that keep to all, and worse by how far it is off: so
  each of these dominates it, and it dominates what is further off.

  Args:
    trials: Trials that are done.
    objectives: Names of metrics.
    soft: Soft constraints, metric to bound.

  Returns:
    Shape (trials, objectives). A value that is NaN stays so, and ranks behind.

  Reference:
    Deb 2000, "An efficient constraint handling method for genetic algorithms",
    Computer Methods in Applied Mechanics and Engineering 186.
  """
  trials = list(trials)
  up = [metrics.parse(name).maximize for name in objectives]
  values = [[trial.value(name) for name in objectives] for trial in trials]
  points = pareto.minimised(np.array(values, float), up)
  off = np.array([_off(trial, soft or {}) for trial in trials])
  if not (off > 0).any():
    return points
  # A range that NaN or infinity ends would put all of the others there too.
  finite = pareto.bounded(points)
  kept = finite[off == 0] if (off == 0).any() else finite
  worst, spread = kept.max(axis=0), np.ptp(finite, axis=0)
  spread = np.where(spread > 0, spread, 1.0)
  behind = worst + spread * off[:, None]
  known = ~np.isnan(points).any(axis=1)
  return np.where(((off > 0) & known)[:, None], behind, points)


def front(
  trials: Iterable[trial_lib.Trial],
  objectives: Sequence[str],
  soft: Mapping[str, float] | None = None,
) -> list[trial_lib.Trial]:
  """Returns the done trials that no other one dominates, in order of id.

  Args:
    trials: Trials; those that are not done do not count.
    objectives: Names of metrics; a trial of which one is NaN is on no front.
    soft: Soft constraints; where no trial keeps to all of them, what is left
      are those least off.
  """
  done = [trial for trial in trials if trial.status == 'done']
  return [done[i] for i in pareto.front(scores(done, objectives, soft))]


def _off(trial: trial_lib.Trial, soft: Mapping[str, float]) -> float:
  """Returns how far a trial is off its soft constraints, in their bounds."""
  found = 0.0
  for name, bound in soft.items():
    value = trial.value(name)
    if not met(name, value, bound):
      found += abs(value / bound - 1)
  return np.inf if np.isnan(found) else found


def met(name: str, value: float, bound: float) -> bool:
  """Says whether a value keeps to the bound of a constraint; nan never does.

  Args:
    name: The constrained metric.
    value: Its value.
    bound: Its bound.

  Example:
    >>> met('params', 9, 10), met('throughput@a100', 9, 10)
    (True, False)
  """
  return value >= bound if metrics.parse(name).maximize else value <= bound


def bounded(name: str, bound: float) -> str:
  """Writes a constraint.

  Example:
    >>> bounded('params', 10), bounded('throughput@a100', 10)
    ('params <= 10', 'throughput@a100 >= 10')
  """
  return f'{name} {">=" if metrics.parse(name).maximize else "<="} {bound:g}'


def check(
  objectives: Sequence[str],
  constraints: Mapping[str, float],
  soft: Mapping[str, float] | None = None,
) -> None:
  """Checks that objectives and constraints can be searched for.

  Args:
    objectives: Names of metrics, at least one, none twice, none on test data.
    constraints: Footprint metric to its bound, a finite number.
    soft: Any metric that is not on test data to its bound.

  Raises:
    UserError: They cannot.
  """
  if isinstance(objectives, str) or not objectives:
    raise errors.UserError(
      'objectives must be a list of at least one metric, '
      f"e.g. ['accuracy', 'size_bytes']; got {objectives!r}"
    )
  for name in objectives:
    if metrics.parse(name).test:
      raise errors.UserError(
        f'a search must not look at the test set: objective {name!r}; '
        f'use {name.removeprefix("test_")!r}'
      )
    if list(objectives).count(name) > 1:
      raise errors.UserError(f'objective {name!r} is named twice')
  _check_bounds('constraint', constraints)
  _check_bounds('soft constraint', soft or {})
  for name in constraints:
    if not metrics.parse(name).footprint:
      raise errors.UserError(
        f'constraint on {name!r}: only footprint metrics are known before '
        'training; make it an objective, or a soft constraint'
      )
  for name in soft or {}:
    if metrics.parse(name).test:
      raise errors.UserError(
        f'a search must not look at the test set: soft constraint {name!r}'
      )


def _check_bounds(what: str, bounds: Any) -> None:
  if not isinstance(bounds, Mapping):
    raise errors.UserError(
      f'{what}s must map metrics to bounds, '
      f"e.g. {{'size_bytes': 200000}}; got {bounds!r}"
    )
  for name, bound in bounds.items():
    number = isinstance(bound, int | float) and not isinstance(bound, bool)
    if not number or not math.isfinite(bound) or bound <= 0:
      side = 'lower' if metrics.parse(name).maximize else 'upper'
      raise errors.UserError(
        f'{what} {name}: the {side} bound must be a number above 0, '
        f'got {bound!r}'
      )
