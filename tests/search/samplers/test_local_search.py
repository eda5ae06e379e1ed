import mixed_search
import numpy as np

from effnas import space as space_lib
from effnas.search import plain, samplers
from effnas.search import trial as trial_lib
from effnas.search.proposing import features as features_lib
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


def _told(space, archs, quality):
  return [
    trial_lib.Trial(i, arch, {}, 'done', {'accuracy': quality(arch)})
    for i, arch in enumerate(archs)
  ]


def _two_hills():
  """A long hill up to 7, and behind a valley a short one up to 9."""
  space = space_lib.Space(
    {'x': space_lib.oneof(*range(6)), 'y': space_lib.oneof(*range(6))}
  )

  def quality(arch):
    x, y = arch['x'], arch['y']
    return 9 if (x, y) == (5, 5) else 7 - x - y if x + y < 5 else 0

  return space, quality


def test_it_climbs_to_the_next_better_neighbour_at_once():
  space, quality = _two_hills()
  problem = mixed_search.problem(space)
  propose = samplers.load('local_search', {'initial': 1})
  archs = [{'x': 2, 'y': 2}]
  for i in range(40):
    trials = _told(space, archs, quality)
    archs.append(propose(space, problem, trials, np.random.default_rng(i)))
    best = max(archs[:-1], key=quality)
    if sum(archs[-1][k] != best[k] for k in best) != 1:
      break
  assert max(map(quality, archs[:-1])) == 7
  tried = set(map(plain.key, archs[:-1]))
  # It stayed until the top had no new neighbour left.
  top = {'x': 0, 'y': 0}
  assert tried >= set(map(plain.key, local_search.neighbours(space, top)))


def test_on_a_local_optimum_the_best_other_start_is_next():
  space, quality = _two_hills()
  problem = mixed_search.problem(space)
  top, other = {'x': 0, 'y': 0}, {'x': 3, 'y': 1}
  archs = [top, *local_search.neighbours(space, top), other, {'x': 4, 'y': 4}]
  propose = samplers.load('local_search', {'initial': 3})
  # No neighbour of the top is a start, though they are better than the others.
  found = propose(
    space, problem, _told(space, archs, quality), np.random.default_rng(0)
  )
  assert sum(found[k] != other[k] for k in found) == 1


def test_without_a_start_left_it_begins_anywhere():
  space, quality = _two_hills()
  problem = mixed_search.problem(space)
  top = {'x': 0, 'y': 0}
  trials = _told(space, [top, *local_search.neighbours(space, top)], quality)
  propose = samplers.load('local_search', {'initial': 1})
  found = [
    propose(space, problem, trials, np.random.default_rng(i)) for i in range(60)
  ]
  tried = {plain.key(trial.arch) for trial in trials}
  assert not tried & set(map(plain.key, found))
  assert len(set(map(plain.key, found))) > 15  # of the 25 left


def test_neighbours_are_told_from_features():
  """In both directions, whatever a change makes active."""
  for space in (mixed_search.cells(), mixed_search.mixed()):
    features = features_lib.Features(space)
    reaches = np.array(
      [local_search._reach(c) for c in space.decisions.values()]
    )
    rng = np.random.default_rng(0)
    for _ in range(20):
      arch = space.sample(rng)
      [row] = features.rows([arch])
      near = features.rows(local_search.neighbours(space, arch))
      assert local_search._near(row, near, reaches).all()
      assert all(local_search._near(one, row[None], reaches)[0] for one in near)
      far = [space.sample(rng) for _ in range(50)]
      changes = [sum(a[k] != arch[k] for k in a if k in arch) for a in far]
      found = local_search._near(row, features.rows(far), reaches)
      assert not found[np.array(changes) > 1].any()


def test_it_reaches_the_best_of_two_hills():
  """The climb that was best first ends on the wrong one."""
  space, quality = _two_hills()
  problem = mixed_search.problem(space)
  propose = samplers.load('local_search', {'initial': 1})
  archs = [{'x': 1, 'y': 1}]
  while len(archs) < 36 and quality(archs[-1]) < 9:
    trials = _told(space, archs, quality)
    rng = np.random.default_rng(len(archs))
    archs.append(propose(space, problem, trials, rng))
  assert quality(archs[-1]) == 9
  assert len(set(map(plain.key, archs))) == len(archs)


def test_where_few_archs_are_allowed_it_goes_on_nearby():
  """What random draws would hardly ever meet; one change or two of 'a's."""
  space = mixed_search.cells()
  problem = mixed_search.problem(space, constraints={'params': 23})
  best = dict.fromkeys(space.decisions, 'a')
  near = [
    arch
    for arch in local_search.neighbours(space, best)
    if mixed_search.footprint(arch)['params'] <= 23
  ]
  assert 5 < len(near) < 16
  trials = _told(space, [best, *near], lambda arch: float(arch == best))
  propose = samplers.load('local_search', {'initial': 1})
  for seed in range(5):
    found = propose(space, problem, trials, np.random.default_rng(seed))
    assert mixed_search.footprint(found)['params'] <= 23
    assert sum(value != 'a' for value in found.values()) == 2
