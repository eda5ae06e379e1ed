"""Searches on a measured table, and what they say together."""

from collections.abc import Mapping, Sequence
import time
from typing import Any

import measured
import methods
import numpy as np
import tasks

from effnas.search import conductor, plain, samplers, schedulers
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.networks import candidate as candidate_lib
from effnas.search.tabular import exhaustive


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


class Known:
  """A task whose table is measured.

  Attributes:
    problem: The search for the most validation accuracy.
    valid: Validation accuracy after each rung, shape (points, rungs); nan where
      the training had diverged.
    test: Test accuracy after all epochs, shape (points,).
  """

  def __init__(self, name: str, table: Mapping[str, Any]):
    """Takes up a table.

    Args:
      name: Of the task.
      table: As `measured.read` returns it, without gaps.
    """
    self.problem = problem_lib.Problem(
      candidate_lib.load_space(tasks.config(name)),
      ('accuracy',),
      lambda arch: {},
    )
    rows = np.array(table['rows'], float)
    self.valid = rows[:, :-1] / table['valid']
    self.test = rows[:, -1] / table['test']
    self._numbers = {
      plain.key(arch): i for i, arch in enumerate(measured.archs(name))
    }

  def row(self, arch: Mapping[str, Any]) -> int:
    """Returns the number of a point of the grid."""
    return self._numbers[plain.key(arch)]


def search(
  known: Known, sampler: str, scheduler: str, seed: int
) -> list[tuple[int, trial_lib.Trial]]:
  """Runs a search until its budget is spent.

  A trial that goes on with another one pays for its further epochs only; one
  that diverges pays for all that it was to have.

  Args:
    known: The task.
    sampler: Name of a sampler.
    scheduler: Name of a scheduler.
    seed: Of the proposals.

  Returns:
    The trials that the budget covers in their order, each with the epochs that
    all up to it have cost.
  """
  journal: Any = _Journal()
  found = conductor.Conductor(
    known.problem,
    samplers.load(sampler, {}),
    journal,
    trials=methods.BUDGET,
    seed=seed,
    scheduler=schedulers.load(scheduler, {}, tasks.EPOCHS),
  )
  spent, paid = 0, []
  while (trial := found.next()) is not None:
    epochs = trial.epochs or tasks.EPOCHS
    parent = None if trial.parent is None else journal.trials[trial.parent]
    spent += epochs - (parent.epochs if parent else 0)
    if spent > methods.BUDGET:
      break
    rung = tasks.RUNGS.index(epochs)
    value = float(known.valid[known.row(trial.arch), rung])
    paid.append((spent, found.done(trial.id, {'accuracy': value})))
  return paid


def best(
  known: Known, paid: Sequence[tuple[int, trial_lib.Trial]]
) -> tuple[np.ndarray, float]:
  """Returns what a search has found, among networks trained to the end.

  Args:
    known: The task.
    paid: As `search` returns it.

  Returns:
    The best validation accuracy so far after each `methods.STEP` epochs, nan
    before the first; and the test accuracy of the best at the end, the first
    of several as good.
  """
  marks = np.arange(methods.STEP, methods.BUDGET + 1, methods.STEP)
  curve = np.full(len(marks), np.nan)
  top, test = -1.0, float('nan')
  for spent, trial in paid:
    whole = trial.epochs in (None, tasks.EPOCHS)
    if not whole or trial.status != 'done':
      continue
    if trial.metrics['accuracy'] > top:
      top = trial.metrics['accuracy']
      test = float(known.test[known.row(trial.arch)])
      curve[marks >= spent] = top
  return curve, test


def of(known: Known, method: methods.Method) -> dict[str, Any]:
  """Runs a method with all of its seeds.

  Args:
    known: The task.
    method: How it searches.

  Returns:
    'mean', 'low' and 'high', the mean over seeds of the best validation
    accuracy so far and its 10th and 90th percentiles, each `methods.STEP`
    epochs; 'shown', that of each seed at `methods.SHOWN`; 'test', the test
    accuracy of each seed's choice; 'seconds' of CPU time for a search.
  """
  start = time.process_time()
  found = [
    best(known, search(known, method.sampler, method.scheduler, seed))
    for seed in range(method.seeds)
  ]
  seconds = (time.process_time() - start) / method.seeds
  curves = np.array([curve for curve, _ in found])
  begun = np.isfinite(curves).all(axis=0)  # of all seeds
  at = [round(s * methods.FULL) - 1 for s in methods.SHOWN]

  def told(values: np.ndarray) -> list[float | None]:
    return [
      round(float(v), 6) if ok else None
      for v, ok in zip(values, begun, strict=True)
    ]

  return {
    'sampler': method.sampler,
    'scheduler': method.scheduler,
    'seeds': method.seeds,
    'mean': told(curves.mean(axis=0)),
    'low': told(np.percentile(curves, 10, axis=0)),
    'high': told(np.percentile(curves, 90, axis=0)),
    'shown': np.round(curves[:, at], 5).tolist(),
    'test': [round(test, 5) for _, test in found],
    'seconds': round(seconds, 3),
  }


def facts(known: Known) -> dict[str, Any]:
  """Returns what the table says by itself.

  Args:
    known: The task.

  Returns:
    'expected', what random search finds on average, exactly, after each
    training of all epochs; the best point, and how points are related.
  """
  final = np.nan_to_num(known.valid[:, -1], nan=0.0)
  top = int(final.argmax())
  fine = np.isfinite(known.valid).all(axis=1)
  return {
    'points': len(final),
    'diverged': int((~np.isfinite(known.valid[:, -1])).sum()),
    'best': point(known, top),
    'best_valid': round(float(final[top]), 6),
    'best_test': round(float(known.test[top]), 6),
    'most_test': round(float(np.nanmax(known.test)), 6),
    'median_valid': round(float(np.median(final)), 6),
    'within_half_point': int((final >= final[top] - 0.005).sum()),
    'rank_of_rungs': [
      _spearman(known.valid[fine, i], known.valid[fine, -1])
      for i in range(len(tasks.RUNGS) - 1)
    ],
    'rank_of_test': _spearman(known.valid[fine, -1], known.test[fine]),
    'expected': [
      round(-exhaustive.best(-final, n)[0], 6)
      for n in range(1, methods.FULL + 1)
    ],
  }


def point(known: Known, number: int) -> dict[str, Any]:
  """Returns the point of a row."""
  return dict(list(known.problem.space.grid())[number])


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
  def ranks(values: np.ndarray) -> np.ndarray:
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[at]

  return round(float(np.corrcoef(ranks(a), ranks(b))[0, 1]), 4)
