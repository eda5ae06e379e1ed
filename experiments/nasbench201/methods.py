"""What the experiment compares: samplers, their arguments, their seeds."""

from collections.abc import Mapping
import dataclasses
from typing import Any

BUDGET = 300  # evaluations
# Where a curve is noted.
EVALUATIONS = tuple(range(10, BUDGET + 1, 10))


@dataclasses.dataclass(frozen=True)
class Method:
  """A sampler as it is run.

  Attributes:
    seeds: How many searches, with seeds from 0.
    args: The sampler's own arguments; those not named are its defaults.
  """

  seeds: int
  args: Mapping[str, Any] = dataclasses.field(default_factory=dict)


# Few seeds for those that take seconds a search. All arguments are defaults.
METHODS = {
  'random': Method(1000),
  'regularized_evolution': Method(200),
  'nsga2': Method(200),
  'local_search': Method(200),
  'tpe': Method(200),
  'bananas': Method(30),
  'reinforce': Method(200),
  'gp': Method(30),
}
