"""Many searches of one method on one task."""

from collections.abc import Mapping, Sequence
import time
from typing import Any

import methods
import numpy as np
import peers
import tasks

from effnas.search.tabular import exhaustive, simulate


def volumes(
  known: tasks.Known, method: str, args: Mapping[str, Any], seed: int
) -> np.ndarray:
  """Runs a search.

  Args:
    known: The task.
    method: One of `methods.METHODS`.
    args: Its arguments.
    seed: Its seed.

  Returns:
    Hypervolume after each evaluation as a share of that of the whole table,
    shape (evaluations,).
  """
  if method in methods.OURS:
    trials = simulate.run(
      known.table.problem(known.task.objectives),
      known.table.evaluate,
      method,
      trials=methods.BUDGET,
      seed=seed,
      sampler_args=args,
    )
    scores = np.array([known.at(dict(trial.arch)) for trial in trials])
  else:
    scores = peers.search(
      method,
      known.table.space,
      known.at,
      budget=methods.BUDGET,
      seed=seed,
      args=args,
    )
  found = simulate.hypervolumes(scores, known.reference) / known.volume
  return np.pad(found, (0, methods.BUDGET - len(found)), mode='edge')


def of(
  known: tasks.Known,
  method: str,
  args: Mapping[str, Any],
  seeds: Sequence[int],
) -> dict[str, Any]:
  """Runs a method with some seeds.

  Args:
    known: The task.
    method: One of `methods.METHODS`.
    args: Its arguments.
    seeds: The seeds.

  Returns:
    At each of `methods.EVALUATIONS` the mean, the 10th and the 90th percentile
    of the share; 'shown', the share of each seed at each of `methods.SHOWN`;
    'seconds' of CPU time for a search.
  """
  start = time.process_time()
  curves = np.array([volumes(known, method, args, seed) for seed in seeds])
  seconds = (time.process_time() - start) / len(seeds)
  at = curves[:, np.array(methods.EVALUATIONS) - 1]
  shown = curves[:, np.array(methods.SHOWN) - 1]
  return {
    'args': dict(args),
    'seeds': len(seeds),
    'mean': np.round(at.mean(axis=0), 6).tolist(),
    'low': np.round(np.percentile(at, 10, axis=0), 6).tolist(),
    'high': np.round(np.percentile(at, 90, axis=0), 6).tolist(),
    'shown': np.round(shown, 6).tolist(),
    'seconds': round(seconds, 3),
  }


def expected(known: tasks.Known) -> list[float]:
  """Returns what random search finds on average, exactly.

  Args:
    known: The task.

  Returns:
    The share of the hypervolume at each of `methods.SHOWN`.
  """
  return [
    round(
      exhaustive.hypervolume(known.scores, known.reference, n) / known.volume, 6
    )
    for n in methods.SHOWN
  ]
