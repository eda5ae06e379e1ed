"""Many searches of one sampler, and what they say together."""

import time
from typing import Any

import methods
import numpy as np

from effnas.search.tabular import exhaustive, simulate
from effnas.search.tabular import table as table_lib

OBJECTIVE = 'accuracy'


def of(
  table: table_lib.Table, sampler: str, method: methods.Method
) -> dict[str, Any]:
  """Runs a sampler with all of its seeds.

  Args:
    table: NAS-Bench-201.
    sampler: Its name.
    method: How it is run.

  Returns:
    Best validation accuracy so far: mean, its standard error, standard
    deviation and 10th and 90th percentiles over seeds, at each of
    `methods.EVALUATIONS`; 'test', the mean test accuracy of what is best at
    the end; 'found', the share of searches that found the table's best;
    'seconds' of CPU time for a search.
  """
  problem = table.problem([OBJECTIVE])
  best = table.values(OBJECTIVE).max()
  start = time.process_time()
  curves, tests = [], []
  for seed in range(method.seeds):
    trials = simulate.run(
      problem,
      table.evaluate,
      sampler,
      trials=methods.BUDGET,
      seed=seed,
      sampler_args=method.args,
    )
    scores = problem.scores(trials)[:, 0]
    curves.append(-simulate.incumbents(scores))
    tests.append(table.test(trials[scores.argmin()].arch)['test_accuracy'])
  seconds = (time.process_time() - start) / method.seeds
  at = np.array(curves)[:, np.array(methods.EVALUATIONS) - 1]
  spread = at.std(axis=0, ddof=1)
  return {
    'args': dict(method.args),
    'seeds': method.seeds,
    'mean': _rounded(at.mean(axis=0)),
    'error': _rounded(spread / np.sqrt(method.seeds), 7),
    'deviation': _rounded(spread),
    'low': _rounded(np.percentile(at, 10, axis=0)),
    'high': _rounded(np.percentile(at, 90, axis=0)),
    'found': float((at[:, -1] >= best).mean()),
    'test': round(float(np.mean(tests)), 6),
    'seconds': round(seconds, 3),
  }


def expected(table: table_lib.Table) -> dict[str, Any]:
  """Returns what random search finds, by the exact formula.

  Args:
    table: NAS-Bench-201.

  Returns:
    'mean' and 'deviation' at each of `methods.EVALUATIONS`.
  """
  scores = table.scores([OBJECTIVE])[:, 0]
  found = [exhaustive.best(scores, n) for n in methods.EVALUATIONS]
  return {
    'mean': _rounded([-mean for mean, _ in found]),
    'deviation': _rounded([deviation for _, deviation in found]),
  }


def _rounded(values, digits: int = 6) -> list[float]:
  return np.round(values, digits).tolist()
