"""ASHA: successive halving in which nobody waits for a rung to be full."""

from collections.abc import Callable, Mapping, Sequence
import itertools
from typing import Any

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import proposal as proposal_lib
from effnas.search import trial as trial_lib
from effnas.search.scheduling import rungs


def decide(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  propose: Callable[..., dict[str, Any]],
  *,
  max_epochs: int,
  min_epochs: int = 1,
  eta: int = 3,
  enough: int = 20,
  scalarise: Mapping[str, Any] | None = None,
) -> proposal_lib.Proposal:
  """Goes on with a trial of the best 1/eta of its rung, else with a new one.

  Args:
    space: Not looked at.
    problem: One objective.
    trials: The trials to look at.
    rng: Not looked at.
    propose: The sampler.
    max_epochs: Of the last rung.
    min_epochs: The first rung has at least so many.
    eta: One of so many goes on to the next rung, eta times as long.
    enough: How many results of a rung the sampler needs; see
      `effnas.search.scheduling.rungs.comparable`.
    scalarise: How several objectives become one; see
      `effnas.search.proposing.scalarise`.

  Reference:
    Li et al. 2020, "A system for massively parallel hyperparameter tuning",
    arXiv:1810.05934, algorithm 2, with its get_job.
  """
  del space, rng
  return get_job(
    trials,
    rungs.levels(max_epochs, min_epochs, eta),
    eta,
    order=lambda rung: rungs.best(problem, rung, scalarise, 'asha'),
    propose=lambda: propose(rungs.comparable(trials, enough)),
  )


def get_job(
  trials: Sequence[trial_lib.Trial],
  levels: Sequence[int],
  eta: int,
  *,
  order: Callable[[list[trial_lib.Trial]], Sequence[trial_lib.Trial]],
  propose: Callable[[], dict[str, Any]],
) -> proposal_lib.Proposal:
  """Looks for somebody to promote, from the last rung but one down.

  Where there are no new architectures left, the best that has not been promoted
  is, from the highest rung down.

  Args:
    trials: The trials to look at.
    levels: The epochs of the rungs.
    eta: One of so many is promoted.
    order: Returns the done ones of some trials, the best first.
    propose: Draws a new architecture.

  Raises:
    NothingNew: There is neither anything new nor anybody to promote.
  """
  climbed = rungs.climbed(trials)
  left: list[tuple[trial_lib.Trial, int]] = []
  order([])  # objectives that do not fit are told at once
  for epochs, above in reversed(list(itertools.pairwise(levels))):
    rung = [t for t in trials if t.epochs == epochs and t.finished]
    best = order(rung)
    for place, trial in enumerate(best):
      if trial.id not in climbed:
        if place < len(rung) // eta:
          return proposal_lib.Proposal(trial.arch, above, trial.id)
        left.append((trial, above))
        break
  try:
    return proposal_lib.Proposal(propose(), levels[0])
  except proposal_lib.NothingNew:
    if not left:
      raise
    trial, above = left[0]
    return proposal_lib.Proposal(trial.arch, above, trial.id)
