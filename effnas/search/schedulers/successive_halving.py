"""Successive halving: the best of a rung train on, eta times as long."""

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
  most_rungs: int = 5,
  enough: int = 20,
  scalarise: Mapping[str, Any] | None = None,
) -> proposal_lib.Proposal | None:
  """Begins with so many architectures that one is left at the end.

  When it is finished, it begins anew with other architectures. A rung waits for
  the last result of the one before; `asha` does not.

  Args:
    space: Not looked at.
    problem: One objective.
    trials: The trials to look at.
    rng: Not looked at.
    propose: The sampler.
    max_epochs: Of the last rung.
    min_epochs: The first rung has at least so many.
    eta: One of so many goes on to the next rung, eta times as long.
    most_rungs: How many rungs there are at most; with k of them eta**(k - 1)
      architectures begin.
    enough: How many results of a rung the sampler needs; see
      `effnas.search.scheduling.rungs.comparable`.
    scalarise: How several objectives become one; see
      `effnas.search.proposing.scalarise`.

  Reference:
    Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and
    hyperparameter optimization", arXiv:1502.07943.
  """
  del space, rng
  levels = rungs.levels(max_epochs, min_epochs, eta)[-most_rungs:]
  return brackets.decide(
    problem,
    trials,
    lambda: propose(rungs.comparable(trials, enough)),
    [brackets.bracket(eta ** (len(levels) - 1), levels, eta)],
    scalarise=scalarise,
    scheduler='successive_halving',
  )
