import collections

import mixed_search
import numpy as np
import pytest

from effnas import space as space_lib
from effnas.search import samplers
from effnas.search import trial as trial_lib
from effnas.search.samplers import reinforce


def test_one_step_is_the_gradient_of_the_log_likelihood():
  """Two trials; by finite differences of the second's log-likelihood."""
  taken = np.array([[0, 1], [2, -1]])
  rewards, widths = np.array([0.0, 1.0]), np.array([3, 2])
  found = reinforce._learn(taken, rewards, widths, rate=0.1, decay=0.9)
  gain = 1 / 0.5  # of the spread of 0 and 1, over the baseline 0

  def likelihood(logits):
    return logits[2] - np.log(np.exp(logits).sum())

  step = 1e-6
  gradient = np.array(
    [
      (likelihood(step * row) - likelihood(-step * row)) / (2 * step)
      for row in np.eye(3)
    ]
  )
  logits = 0.1 * gain * gradient
  expected = np.exp(logits) / np.exp(logits).sum()
  assert found[0] == pytest.approx(expected, rel=1e-6)
  assert found[1].tolist() == [0.5, 0.5, 0.0]  # inactive: nothing learned


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
