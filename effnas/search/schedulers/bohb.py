"""BOHB: Hyperband's brackets, filled by a model and partly at random."""

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
  enough: int = 10,
  random: float = 1 / 3,
  scalarise: Mapping[str, Any] | None = None,
) -> proposal_lib.Proposal | None:
  """Does as `hyperband`, but asks the sampler for some trials only.

  Args:
    space: Not looked at.
    problem: One objective.
    trials: The trials to look at.
    rng: The source of chance.
    propose: The sampler; `tpe` is nearest to the paper. Without results to look
      at it draws at random.
    max_epochs: Of the longest training.
    min_epochs: Of the shortest.
    eta: One of so many goes on to the next rung, eta times as long.
    enough: How many results of a rung the sampler needs; see
      `effnas.search.scheduling.rungs.comparable`.
    random: Which part of the architectures is drawn without looking.
    scalarise: How several objectives become one; see
      `effnas.search.proposing.scalarise`.

  Reference:
    Falkner, Klein and Hutter 2018, "BOHB: robust and efficient hyperparameter
    optimization at scale", arXiv:1807.01774.
  """
  del space

  def ask() -> dict[str, Any]:
    shown = rungs.comparable(trials, enough)
    if rng.random() < random:
      shown = [trial.untold for trial in shown]
    return propose(shown)

  return brackets.decide(
    problem,
    trials,
    ask,
    brackets.hyperband(max_epochs, min_epochs, eta),
    scalarise=scalarise,
    scheduler='bohb',
  )
