"""Median stopping: a training worse than most were by then is ended."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from effnas.search import metrics
from effnas.search import problem as problem_lib
from effnas.search import proposal as proposal_lib
from effnas.search import trial as trial_lib
from effnas.search.schedulers import none
from effnas.search.scheduling import reported

_NAME = 'median_stopping'


def decide(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  propose: Callable[..., dict[str, Any]],
  *,
  metric: str = '',
  startup: int = 5,
  grace: int = 1,
) -> proposal_lib.Proposal:
  """Trains what the sampler proposes, with all epochs unless it is stopped.

  Args:
    space: Not looked at.
    problem: One objective, unless the metric is given.
    trials: Not looked at.
    rng: Not looked at.
    propose: The sampler.
    metric: See `bounds`.
    startup: See `bounds`.
    grace: See `bounds`.
  """
  del startup, grace
  reported.metric(_NAME, problem, metric)  # several objectives are told at once
  return none.decide(space, problem, trials, rng, propose)


def bounds(
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  trial: trial_lib.Trial,
  *,
  metric: str = '',
  startup: int = 5,
  grace: int = 1,
) -> dict[str, Any]:
  """Returns what a trial must have reached by which epoch.

  Its best value so far must not be worse than the median, over the finished
  trials that it may see, of their mean value up to that epoch. What has to be
  seen has finished before the trial begins, so that the bounds hold for all of
  its training, and a search is the same whichever trial is faster.

  A stopped trial is neither done nor failed: its network was not converted and
  measured, so it has no objectives, and samplers know only that it was tried.

  Args:
    problem: Says what is better.
    trials: The finished trials that it may see.
    trial: The trial that begins.
    metric: What to look at in the reports; '' is the only objective.
    startup: How many trials must have reported an epoch before it has a bound.
    grace: No bound before this epoch.

  Returns:
    As `effnas.search.running.stopping.Watch` takes it.

  Raises:
    UserError: There are several objectives, or trials do not report it.

  Reference:
    Golovin et al. 2017, "Google Vizier: a service for black-box optimization",
    section 3.2.2.
  """
  metric = reported.metric(_NAME, problem, metric)
  up = metrics.parse(metric).maximize
  means: dict[int, list[float]] = {}
  for one in trials:
    total, count = 0.0, 0
    if one.status != 'failed':
      for epoch in sorted(one.reports):
        value = one.reports[epoch].get(metric)
        if value is not None:
          total, count = total + value, count + 1
          means.setdefault(epoch, []).append(total / count)
  if not means and sum(t.status == 'done' for t in trials) >= startup:
    raise reported.missing(_NAME, metric)
  before = [found.get(metric) for found in trial.reports.values()]
  seen = [value for value in before if value is not None]
  return {
    'metric': metric,
    'bounds': [
      [epoch, float(np.median(found))]
      for epoch, found in sorted(means.items())
      if epoch >= grace and len(found) >= startup
    ],
    'best': (max if up else min)(seen, default=None),
  }
