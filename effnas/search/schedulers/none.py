"""No scheduler: each trial is a new architecture, with all of its epochs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import proposal as proposal_lib
from effnas.search import trial as trial_lib


def decide(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  propose: Callable[..., dict[str, Any]],
) -> proposal_lib.Proposal:
  """Trains what the sampler proposes.

  Args:
    space: Not looked at.
    problem: Not looked at.
    trials: Not looked at.
    rng: Not looked at.
    propose: The sampler.
  """
  del space, problem, trials, rng
  return proposal_lib.Proposal(propose())
