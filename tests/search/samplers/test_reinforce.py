import collections

import mixed_search
import numpy as np
import pytest

from effnas import space as space_lib
from effnas.search import samplers
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
