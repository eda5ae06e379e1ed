"""Hyperband: successive halving from few long to many short trainings."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import proposal as proposal_lib
from effnas.search import trial as trial_lib
from effnas.search.scheduling import brackets, rungs


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
) -> proposal_lib.Proposal | None:
  """Runs the brackets of Hyperband one after the other, then all of it again.

  While a rung waits for the last of its results, the next bracket begins.

  Args:
    space: Not looked at.
    problem: One objective.
    trials: The trials to look at.
    rng: Not looked at.
    propose: The sampler; with `random` this is Hyperband as published.
    max_epochs: Of the longest training.
    min_epochs: Of the shortest.
    eta: One of so many goes on to the next rung, eta times as long.
    enough: How many results of a rung the sampler needs; see
      `effnas.search.scheduling.rungs.comparable`.
    scalarise: How several objectives become one; see
      `effnas.search.proposing.scalarise`.

  Reference:
    Li et al. 2018, "Hyperband: a novel bandit-based approach to hyperparameter
    optimization", arXiv:1603.06560.
  """
  del space, rng
  return brackets.decide(
    problem,
    trials,
    lambda: propose(rungs.comparable(trials, enough)),
    brackets.hyperband(max_epochs, min_epochs, eta),
    scalarise=scalarise,
    scheduler='hyperband',
  )
