import collections
import time

import mixed_search
import numpy as np
import pytest

from effnas import space as space_lib
from effnas.search import plain, samplers
from effnas.search import trial as trial_lib
from effnas.search.samplers import reinforce


def test_each_step_is_the_gradient_of_the_log_likelihood():
  """Replayed beside it with finite differences."""
  rng = np.random.default_rng(0)
  taken = rng.integers(3, size=(6, 2))
  taken[3, 1] = -1  # inactive: nothing is learned
  rewards = rng.random(6)
  found = reinforce._learn(taken, rewards, np.array([3, 3]), 0.5, 0.9)

  logits, baseline, step = np.zeros((2, 3)), rewards[0], 1e-6

  def likelihood(row, option):
    return row[option] - np.log(np.exp(row).sum())

  for i in range(6):
    spread = rewards[: i + 1].std()
    gain = (rewards[i] - baseline) / spread if spread else 0.0
    for k, option in enumerate(taken[i]):
      slopes = [
        likelihood(logits[k] + step * e, option)
        - likelihood(logits[k] - step * e, option)
        for e in np.eye(3)
      ]
      if option >= 0:
        logits[k] += 0.5 * gain * np.array(slopes) / (2 * step)
    baseline = 0.9 * baseline + 0.1 * rewards[i]
  expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
  assert found == pytest.approx(expected, rel=1e-6)
  assert np.ptp(expected) > 0.2


def test_without_trials_every_option_is_as_likely():
  found = reinforce._learn(
    np.zeros((0, 2), int), np.zeros(0), np.array([3, 2]), 0.1, 0.9
  )
  assert found == pytest.approx(np.array([[1, 1, 1], [1.5, 1.5, 0]]) / 3)


def test_it_learns_what_is_rewarded_in_options_and_ranges():
  space = space_lib.Space(
    {'op': space_lib.oneof('a', 'b'), 'x': space_lib.uniform(0, 1)}
  )
  problem = mixed_search.problem(space)
  rng = np.random.default_rng(0)
  trials = []
  for i in range(200):
    arch = space.sample(rng)
    reward = (arch['op'] == 'b') - abs(arch['x'] - 0.8)
    trials.append(trial_lib.Trial(i, arch, {}, 'done', {'accuracy': reward}))
  propose = samplers.load('reinforce', {})
  drawn = [propose(space, problem, trials, rng) for _ in range(200)]
  assert collections.Counter(a['op'] for a in drawn)['b'] > 190
  assert 0.6 < np.mean([a['x'] for a in drawn]) < 0.95


def test_units_of_the_reward_do_not_matter():
  rng = np.random.default_rng(0)
  taken, rewards = rng.integers(3, size=(50, 4)), rng.random(50)
  one, other = (
    reinforce._learn(taken, r, np.full(4, 3), 0.3, 0.9)
    for r in (rewards, 1e6 * rewards + 5)
  )
  assert one == pytest.approx(other, rel=1e-6)


def _history(space, count):
  rng = np.random.default_rng(3)
  return [mixed_search.trial(i, space.sample(rng)) for i in range(count)]


def test_what_is_remembered_changes_nothing():
  """Bit for bit, whichever histories were replayed before."""
  rng = np.random.default_rng(0)
  taken = rng.integers(-1, 4, size=(150, 3))
  rewards = rng.random(150)
  widths = np.array([4, 4, 4])

  def learn(*counts):
    for n in counts:
      found = reinforce._learn(taken[:n], rewards[:n], widths, 0.3, 0.9)
    return found

  reinforce._replay.cache_clear()
  learn(*range(0, 151, 7))
  learn(150)
  hits = reinforce._replay.cache_info().hits
  assert hits > 20
  for n in (31, 32, 33, 150):
    warm = learn(n)
    reinforce._replay.cache_clear()
    assert np.array_equal(learn(n), warm)
  other = rewards.copy()
  other[0] += 0.5  # of another search with the same architectures
  warm = learn(150)
  assert not np.array_equal(
    reinforce._learn(taken, other, widths, 0.3, 0.9), warm
  )
  assert np.array_equal(learn(150), warm)


def test_a_proposal_does_not_depend_on_those_before():
  space = mixed_search.mixed()
  problem, trials = mixed_search.problem(space), _history(space, 80)
  propose = samplers.load('reinforce', {})

  def ask(count):
    rng = np.random.default_rng(count)
    return propose(space, problem, trials[:count], rng)

  in_turn = [ask(count) for count in range(81)]
  for count in (80, 64, 40, 1):
    reinforce._replay.cache_clear()
    assert ask(count) == in_turn[count]


def test_it_finds_something_new_when_its_mind_is_made_up():
  space = space_lib.Space({f'o{i}': space_lib.oneof(*'abc') for i in range(3)})
  problem = mixed_search.problem(space)
  good = dict.fromkeys(space.decisions, 'a')
  trials = [
    trial_lib.Trial(
      i,
      {**good, f'o{i % 3}': 'abc'[i // 3 % 3]},
      {},
      'done',
      {'accuracy': -float(i // 3 % 3)},
    )
    for i in range(90)
  ]
  propose = samplers.load('reinforce', {'rate': 1.0})
  found = [
    propose(space, problem, trials, np.random.default_rng(i)) for i in range(30)
  ]
  assert all(sum(a[k] != 'a' for k in a) > 1 for a in found)


def test_an_evaluation_more_costs_little():
  """A replay of all trials at each of up to 100 draws took 0.1 s and more."""
  space = mixed_search.cells()
  problem, trials = mixed_search.problem(space), _history(space, 300)
  propose = samplers.load('reinforce', {})
  start = time.process_time()
  for count in range(250, 300):
    propose(space, problem, trials[:count], np.random.default_rng(count))
  assert time.process_time() - start < 1.0


def test_the_oldest_trials_count_too():
  space = mixed_search.cells()
  problem, trials = mixed_search.problem(space), _history(space, 200)
  propose = samplers.load('reinforce', {})
  drawn = [
    [
      plain.key(propose(space, problem, told, np.random.default_rng(seed)))
      for seed in range(20)
    ]
    for told in (trials, trials[1:])
  ]
  assert drawn[0] != drawn[1]
