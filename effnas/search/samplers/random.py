"""Random search: the baseline that every other sampler has to beat."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
) -> dict[str, Any]:
  """Draws any architecture of the space.

  Args:
    space: The space.
    problem: Not looked at.
    trials: Not looked at.
    rng: The source of chance.

  Reference:
    Li and Talwalkar 2019, "Random search and reproducibility for neural
    architecture search", arXiv:1902.07638.
  """
  del problem, trials
  return space.sample(rng)
