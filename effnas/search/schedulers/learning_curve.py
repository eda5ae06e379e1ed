"""Learning curves: a training that will not come up to the best is ended."""

from collections.abc import Callable, Sequence
import math
from typing import Any

import numpy as np

from effnas.search import metrics
from effnas.search import problem as problem_lib
from effnas.search import proposal as proposal_lib
from effnas.search import trial as trial_lib
from effnas.search.schedulers import none
from effnas.search.scheduling import reported

_NAME = 'learning_curve'


def decide(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  propose: Callable[..., dict[str, Any]],
  *,
  metric: str = '',
  startup: int = 3,
  grace: int = 4,
  spreads: int = 2,
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
    spreads: See `bounds`.
  """
  del startup, grace, spreads
  reported.metric(_NAME, problem, metric)  # several objectives are told at once
  return none.decide(space, problem, trials, rng, propose)


def bounds(
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  trial: trial_lib.Trial,
  *,
  metric: str = '',
  startup: int = 3,
  grace: int = 4,
  spreads: int = 2,
) -> dict[str, Any]:
  """Returns what a trial has to be expected to reach at its last epoch.

  That is the best final value of the done trials that it may see. Where there
  are several objectives, only those of them count that cost no more than it in
  any objective that is a footprint: a small network need not be as good as a
  large one. Final values are reported ones, of the training as the trial's own
  will be, not those of the deployed networks.

  A stopped trial is neither done nor failed, as in median stopping.

  Args:
    problem: Says what is better.
    trials: The finished trials that it may see.
    trial: The trial that begins.
    metric: What to look at in the reports; '' is the only objective.
    startup: How many trials must be done before one can be stopped.
    grace: No trial is stopped before this epoch.
    spreads: How many standard deviations better than expected a trial is taken
      to be; see `effnas.search.scheduling.curves`.

  Returns:
    As `effnas.search.running.stopping.Watch` takes it.

  Raises:
    UserError: There are several objectives, or trials do not report the metric.

  Reference:
    Domhan, Springenberg and Hutter 2015, "Speeding up automatic hyperparameter
    optimization of deep neural networks by extrapolation of learning curves",
    IJCAI; least squares over a grid of forms in place of its Markov chains.
  """
  metric = reported.metric(_NAME, problem, metric)
  up = metrics.parse(metric).maximize
  done = [t for t in trials if t.status == 'done']
  told = {t.id: _values(t, metric) for t in done}
  if len(done) >= startup and not any(told.values()):
    raise reported.missing(_NAME, metric)
  last = max((max(told[t.id], default=0) for t in done), default=0)
  rivals = [t for t in done if _no_dearer(t, trial, problem)]
  finals = [told[t.id].get(last, math.nan) for t in rivals]
  finals = [value for value in finals if math.isfinite(value)]
  enough = len(done) >= startup
  return {
    'metric': metric,
    'bounds': [],
    'curve': {
      'final': (max if up else min)(finals, default=None) if enough else None,
      'last': last,
      'spreads': spreads,
      'grace': grace,
      'seen': sorted(_values(trial, metric).items()),
    },
  }


def _values(trial: trial_lib.Trial, metric: str) -> dict[int, float]:
  """Epoch to what was reported then; nan where it was no number."""
  return {
    epoch: math.nan if found[metric] is None else float(found[metric])
    for epoch, found in trial.reports.items()
    if metric in found
  }


def _no_dearer(
  one: trial_lib.Trial, other: trial_lib.Trial, problem: problem_lib.Problem
) -> bool:
  """Says whether one trial costs no more than another, whichever way counts."""
  for name in problem.objectives:
    known = metrics.parse(name)
    if known.footprint:
      mine, other_s = one.footprint.get(name), other.footprint.get(name)
      if mine is None or other_s is None:
        return False
      if (mine < other_s) if known.maximize else (mine > other_s):
        return False
  return True
