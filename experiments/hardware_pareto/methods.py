"""What is compared, and the settings among which each is chosen."""

from typing import Any

BUDGET = 200  # evaluations
EVALUATIONS = tuple(range(10, BUDGET + 1, 10))  # where a curve is noted
SHOWN = (50, 100, 200)
SEEDS = range(30)
CHOICE_SEEDS = range(1000, 1008)

Settings = list[dict[str, Any]]
# The first is the default.
OURS: dict[str, Settings] = {
  'random': [{}],
  'nsga2': [{}, {'population': 10}, {'population': 50}],
  'nsga3': [{}, {'population': 20}, {'population': 50}],
  'regularized_evolution': [{}, {'population': 10}, {'population': 50}],
  'mo_evolution': [{}, {'population': 20}, {'population': 50}],
  'motpe': [{}, {'good': 0.1}, {'good': 0.25}],
  'gp': [{}],
  'bananas': [{}],
}
PEERS: dict[str, Settings] = {
  'optuna_nsga2': [{}, {'population_size': 10}, {'population_size': 20}],
  'optuna_tpe': [
    {},
    {'multivariate': True},
    {'multivariate': True, 'n_ei_candidates': 64},
  ],
  'pymoo_nsga2': [{'pop_size': 100}, {'pop_size': 10}, {'pop_size': 20}],
  'syne_tune_evolution': [
    {},
    {'population_size': 10},
    {'population_size': 20},
    {'population_size': 10, 'ranks': True},
    {'population_size': 20, 'ranks': True},
  ],
}
METHODS = {**OURS, **PEERS}
