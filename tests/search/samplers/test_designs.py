"""Grid, Sobol and Latin hypercube: designs that look at no result."""

import itertools

import mixed_search
import numpy as np
import pytest

from effnas import errors
from effnas import space as space_lib
from effnas.search import conductor, journal, plain, samplers
from effnas.search import trial as trial_lib
from effnas.search.samplers import latin_hypercube, sobol


def small():
  """Twelve archs with ends of their own in each branch."""
  return space_lib.Space(
    {
      'a': space_lib.oneof(True, 1),
      'block': space_lib.oneof(
        mixed_search.Convolution(kernel=space_lib.oneof(3, 5)),
        mixed_search.Convolution(
          kernel=space_lib.intrange(2, 6, 2), groups=space_lib.oneof(1)
        ),
        labels=['one', 'other'],
      ),
      'z': space_lib.oneof('x', 'y', 'z'),
    }
  )


def walk(name, space, count, constraints=None, start=(), **args):
  """What a search with one trial at a time tries."""
  problem = mixed_search.problem(space, constraints=constraints)
  propose = samplers.load(name, args)
  trials = [trial_lib.Trial(i, a, {}, 'failed') for i, a in enumerate(start)]
  for i in range(len(trials), count):
    rng = np.random.default_rng([0, i])
    arch = propose(space, problem, trials, rng)
    trials.append(trial_lib.Trial(i, arch, {}, 'failed'))
  return [trial.arch for trial in trials]


def keys(archs):
  return list(map(plain.key, archs))


def test_grid_is_the_grid_of_the_space():
  space = small()
  assert keys(walk('grid', space, space.size)) == keys(space.grid())


def test_grid_goes_on_where_it_was_and_reaches_all():
  """After a user's own first trial, round the end to the beginning."""
  space = small()
  grid = list(space.grid())
  found = walk('grid', space, space.size, start=[grid[7]])
  assert keys(found) == keys(grid[7:] + grid[:7])


def test_grid_passes_over_trials_that_still_run():
  space = small()
  grid = list(space.grid())
  running = [trial_lib.Trial(i, grid[i]) for i in range(3)]
  propose = samplers.load('grid', {})
  found = propose(space, mixed_search.problem(space), running, None)
  assert plain.key(found) == plain.key(grid[3])


@pytest.mark.parametrize('name', ['grid', 'sobol', 'latin_hypercube'])
def test_designs_are_the_same_with_trials_side_by_side(name, tmp_path):
  space = mixed_search.cells()
  problem = mixed_search.problem(space)
  with journal.Journal(tmp_path / 'trials.jsonl') as book:
    leader = conductor.Conductor(
      problem, samplers.load(name, {}), book, trials=12, concurrency=3
    )
    running = []
    while not leader.exhausted or running:
      while (trial := leader.next()) is not None:
        running.append(trial)
      trial = running.pop(0)
      leader.done(trial.id, {'accuracy': mixed_search.accuracy(trial.arch)})
    found = [trial.arch for trial in book.trials]
  assert keys(found) == keys(walk(name, space, 12))


def test_grid_of_ranges_and_beyond():
  space = space_lib.Space({'lr': space_lib.loguniform(1e-4, 1)})
  found = [a['lr'] for a in walk('grid', space, 7, points=5)]
  assert found[:5] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])
  assert len(set(found)) == 7


def test_grid_passes_over_what_breaks_a_constraint():
  space = mixed_search.mixed()
  found = walk('grid', space, 40, constraints={'params': 30}, points=2)
  grid = [a for a in space.grid(2) if mixed_search.footprint(a)['params'] <= 30]
  assert keys(found) == keys(grid[:40])


@pytest.mark.parametrize('width', [1, 2, 17, 100])
def test_sobol_is_that_of_scipy(width):
  qmc = pytest.importorskip('scipy.stats').qmc
  expected = qmc.Sobol(width, scramble=False).random(64)
  found = np.array([sobol.point(i, width) for i in range(64)])
  assert np.array_equal(found, expected)


@pytest.mark.parametrize('scramble', [1, 2])
def test_a_shifted_sobol_sequence_keeps_its_balance(scramble):
  """Of 2^m points each of 2^m parts of each axis has one."""
  points = np.array([sobol.point(i, 30, scramble) for i in range(64)])
  for column in points.T:
    assert sorted(column * 64 // 1) == list(range(64))
  for a, b in itertools.pairwise(points.T[:2]):  # and so have the squares
    boxes = {(x, y) for x, y in zip(a * 8 // 1, b * 8 // 1, strict=True)}
    assert len(boxes) == 64
  assert not np.array_equal(points[0], sobol.point(0, 30, scramble + 1))


def test_sobol_says_how_far_it_goes():
  space = space_lib.Space([space_lib.oneof(0, 1) for _ in range(101)])
  with pytest.raises(errors.UserError, match=r'up to 100 decisions.* has 101'):
    walk('sobol', space, 1)
  assert len(walk('latin_hypercube', space, 1)) == 1


def test_each_design_of_a_latin_hypercube_has_each_stratum_once():
  for first in (0, 5, 16):
    points = list(latin_hypercube._points(7, 16, 1, first))
    assert len(points) >= 16
    whole = np.array(points[-16:])
    for column in whole.T:
      assert sorted(column * 16 // 1) == list(range(16))
  a, b = (list(latin_hypercube._points(7, 16, s, 0)) for s in (1, 2))
  assert not np.array_equal(a[0], b[0])


@pytest.mark.parametrize('name', ['sobol', 'latin_hypercube'])
def test_designs_spread_better_than_chance(name):
  """Each decision's options come nearly equally often."""
  space = mixed_search.cells()
  archs = walk(name, space, 60)
  assert len(set(keys(archs))) == 60
  for key in space.decisions:
    values = [arch[key] for arch in archs]
    counts = [values.count(v) for v in 'abcde']
    assert max(counts) - min(counts) <= 5  # of random ones 8 on average


@pytest.mark.parametrize('name', ['sobol', 'latin_hypercube', 'grid'])
def test_designs_take_all_of_a_small_space(name):
  space = small()
  found = walk(name, space, space.size)
  assert set(keys(found)) == set(keys(space.grid()))
