import mixed_search
import numpy as np

from effnas.search import samplers
from effnas.search import trial as trial_lib


def test_the_front_stays_alive_and_the_rest_ages():
  """The old point of the front is a parent, an old good one is not."""
  space = mixed_search.cells()
  problem = mixed_search.problem(space, ['accuracy', 'params'])
  front = dict.fromkeys(space.decisions, 'a')
  good = dict.fromkeys(space.decisions, 'b')
  young = dict.fromkeys(space.decisions, 'c')
  values = [(front, 0.9, 10), (good, 0.8, 11)] + [(young, 0.5, 50)] * 4
  trials = [
    trial_lib.Trial(i, arch, {}, 'done', {'accuracy': a, 'params': p})
    for i, (arch, a, p) in enumerate(values)
  ]
  propose = samplers.load('mo_evolution', {'population': 4, 'tournament': 1})
  parents = set()
  for seed in range(40):
    child = propose(space, problem, trials, np.random.default_rng(seed))
    common = max('abc', key=list(child.values()).count)
    parents.add(common)
  assert parents == {'a', 'c'}
