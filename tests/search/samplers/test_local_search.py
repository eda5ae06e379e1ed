import mixed_search
import numpy as np

from effnas import space as space_lib
from effnas.search import plain, samplers
from effnas.search import trial as trial_lib
from effnas.search.samplers import local_search


def test_neighbours_of_options_are_all_single_changes():
  space = mixed_search.cells()
  arch = dict.fromkeys(space.decisions, 'c')
  found = list(local_search.neighbours(space, arch))
  assert len(found) == len(set(map(plain.key, found))) == 8 * 4
  assert all(sum(n[k] != 'c' for k in n) == 1 for n in found)


def test_neighbours_are_valid_and_always_the_same():
  space = mixed_search.mixed()
  rng = np.random.default_rng(0)
  for _ in range(30):
    arch = space.sample(rng)
    first, second = (
      list(map(plain.key, local_search.neighbours(space, arch)))
      for _ in range(2)
    )
    assert first == second
    assert plain.key(arch) not in first
    for near in local_search.neighbours(space, arch):
      space.check(near)


def test_it_climbs_and_goes_on_around_the_second_best():
  """On one line of integers: from the peak both sides, then further down."""
  space = space_lib.Space(
    {'x': space_lib.oneof(*range(6)), 'y': space_lib.oneof(0, 1)}
  )
  problem = mixed_search.problem(space)
  propose = samplers.load('local_search', {'initial': 1})

  def quality(arch):
    return arch['x'] + 10 * arch['y']

  archs = [{'x': 0, 'y': 0}]
  for i in range(11):
    trials = [
      trial_lib.Trial(j, a, {}, 'done', {'accuracy': quality(a)})
      for j, a in enumerate(archs)
    ]
    new = propose(space, problem, trials, np.random.default_rng(i))
    tried = set(map(plain.key, archs))
    assert plain.key(new) not in tried
    ranked = sorted(archs, key=quality, reverse=True)
    parent = next(
      a
      for a in ranked
      if any(
        plain.key(n) not in tried for n in local_search.neighbours(space, a)
      )
    )
    assert sum(new[k] != parent[k] for k in new) == 1
    archs.append(new)
  assert len(set(map(plain.key, archs))) == 12  # all of the space
