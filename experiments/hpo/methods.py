"""What the experiment compares, all with their default settings."""

import dataclasses

import tasks

FULL = 40  # trainings of all epochs that a search may pay for
BUDGET = FULL * tasks.EPOCHS  # in epochs
SHOWN = (0.25, 0.5, 1.0)  # of the budget
STEP = tasks.EPOCHS  # a curve is noted each so many epochs


@dataclasses.dataclass(frozen=True)
class Method:
  """A sampler and a scheduler.

  Attributes:
    sampler: Its name.
    scheduler: Its name.
    seeds: How many searches, with seeds from 0.
  """

  sampler: str
  scheduler: str = 'none'
  seeds: int = 100


METHODS = {
  'random': Method('random'),
  'regularized evolution': Method('regularized_evolution'),
  'TPE': Method('tpe'),
  'GP': Method('gp', seeds=50),
  'ASHA, random': Method('random', 'asha'),
  'Hyperband, random': Method('random', 'hyperband'),
  'ASHA, TPE': Method('tpe', 'asha'),
  'BOHB, TPE': Method('tpe', 'bohb'),
}
