"""Searches on a table: no files, no processes, thousands of trials a second.

The trials are those that `effnas.search.run` makes with the same sampler and
seed. What a search is worth after each trial is its curve: the best value so
far for one objective, the hypervolume for several.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from effnas.search import conductor, samplers
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto


class _Journal:
  """The events of a search, not written anywhere."""

  def __init__(self) -> None:
    self.trials: list[trial_lib.Trial] = []
    self.finished: list[int] = []

  def append(self, event: Mapping[str, Any]) -> trial_lib.Trial:
    trial = trial_lib.apply(self.trials, event)
    if trial.id == len(self.trials):
      self.trials.append(trial)
    else:
      self.trials[trial.id] = trial
      self.finished.append(trial.id)
    return trial


def run(
  problem: problem_lib.Problem,
  evaluate: Callable[[Mapping[str, Any]], Mapping[str, Any]],
  sampler: str,
  *,
  trials: int,
  seed: int = 0,
  sampler_args: Mapping[str, Any] | None = None,
) -> list[trial_lib.Trial]:
  """Runs a search, one trial after another.

  Args:
    problem: What is searched for, e.g. `Table.problem(...)`.
    evaluate: From an architecture to its quality, e.g. `Table.evaluate`.
    sampler: Name of a sampler.
    trials: How many trials.
    seed: Of the proposals.
    sampler_args: The sampler's own keyword arguments.

  Returns:
    The trials, in order of id; fewer where the space has no more.

  Raises:
    UserError: There is no such sampler, or it cannot take the problem.
  """
  journal: Any = _Journal()
  found = conductor.Conductor(
    problem,
    samplers.load(sampler, sampler_args or {}),
    journal,
    trials=trials,
    seed=seed,
  )
  while (trial := found.next()) is not None:
    found.done(trial.id, evaluate(trial.arch))
  return journal.trials


def incumbents(scores: np.ndarray) -> np.ndarray:
  """Returns the best score after each trial.

  Args:
    scores: Shape (trials,), in order of time, to be minimised.

  Returns:
    Shape (trials,).

  Example:
    >>> incumbents(np.array([3, 4, 1])).tolist()
    [3, 3, 1]
  """
  return np.minimum.accumulate(scores)


def hypervolumes(
  scores: np.ndarray, reference: Sequence[float] | np.ndarray
) -> np.ndarray:
  """Returns the hypervolume after each trial, exactly.

  Args:
    scores: Shape (trials, objectives), in order of time, to be minimised.
    reference: The worst corner, shape (objectives,).

  Returns:
    Shape (trials,).

  Example:
    >>> hypervolumes(np.array([[1, 2], [2, 2], [2, 1]]), (3, 3)).tolist()
    [2.0, 2.0, 3.0]
  """
  scores = np.asarray(scores, float)
  corner = np.asarray(reference, float).tolist()
  front = np.zeros((0, len(corner)))
  found = np.zeros(len(scores))
  volume = 0.0
  for i, score in enumerate(scores):
    if not (front <= score).all(axis=1).any():
      front = front[~(score <= front).all(axis=1)]
      front = np.append(front, score[None], axis=0)
      volume = pareto.hypervolume(front, corner)
    found[i] = volume
  return found
