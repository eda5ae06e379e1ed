"""The knapsack's selections are those of trying them all."""

import itertools

import numpy as np
import pytest

from effnas import errors
from effnas.strategy import knapsack


def _all(losses, costs, limit):
  found = []
  for choices in itertools.product(*(range(len(one)) for one in losses)):
    loss = sum(one[c] for one, c in zip(losses, choices, strict=True))
    cost = sum(one[c] for one, c in zip(costs, choices, strict=True))
    if cost <= limit:
      found.append((loss, cost))
  return sorted(found)


@pytest.mark.parametrize('seed', range(40))
def test_the_best_selections_are_found(seed):
  rng = np.random.default_rng(seed)
  sizes = rng.integers(1, 5, rng.integers(1, 7))
  # Whole numbers, so that many selections tie.
  losses = [rng.integers(0, 9, n).tolist() for n in sizes]
  costs = [rng.integers(0, 9, n).tolist() for n in sizes]
  for limit in (-1, 5, 12, 20, 99):
    every = _all(losses, costs, limit)
    for count in (1, 3, 10):
      found = knapsack.best(losses, costs, limit, count)
      assert [one.loss for one in found] == [x for x, _ in every[:count]]
      assert len({one.choices for one in found}) == len(found)
      for one in found:
        assert one.cost <= limit
        picked = list(enumerate(one.choices))
        assert one.loss == sum(losses[i][c] for i, c in picked)
        assert one.cost == sum(costs[i][c] for i, c in picked)


def test_a_network_of_many_layers_is_solved_exactly():
  """No worse than the relaxation allows, for 150 layers in a blink."""
  rng = np.random.default_rng(0)
  kernels = rng.lognormal(9, 2, 150).round()
  costs = np.stack([kernels * bits // 8 for bits in (8, 4, 3, 2)], 1)
  losses = np.sort(rng.lognormal(-6, 2, (150, 4)), axis=1)
  limit = 0.5 * costs[:, 0].sum()
  found = knapsack.best(losses, costs, limit, 5)
  relaxed = knapsack._Relaxed(list(zip(losses, costs, strict=True)))
  least = relaxed.least(np.array([limit]))[0]
  assert least <= found[0].loss <= relaxed.reached(np.array([limit]))[0]
  assert found[0].loss - least < 1e-3 * least
  assert [one.loss for one in found] == sorted(one.loss for one in found)
  # The best of all cannot be improved by changing two layers.
  choices = np.array(found[0].choices)
  for i, j in itertools.islice(itertools.combinations(range(150), 2), 3000):
    for a, b in itertools.product(range(4), repeat=2):
      other = choices.copy()
      other[[i, j]] = a, b
      rows = np.arange(150)
      if costs[rows, other].sum() <= limit:
        assert losses[rows, other].sum() >= found[0].loss - 1e-12


def test_bad_input_is_one_line():
  with pytest.raises(errors.UserError, match='got 2 losses and 1 costs'):
    knapsack.best([[1, 2]], [[1]], 3)
  with pytest.raises(errors.UserError, match='finite'):
    knapsack.best([[np.nan]], [[1]], 3)
