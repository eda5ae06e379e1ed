"""Runs of zeros come back as the mask they were."""

import numpy as np
import pytest

from effnas import errors
from effnas.compress.coding import runs


@pytest.mark.parametrize('bits', range(2, 9))
@pytest.mark.parametrize('density', [0.0, 0.003, 0.1, 0.9, 1.0])
def test_a_round_trip_is_exact(bits, density):
  mask = np.random.default_rng(0).random((7, 300)) < density
  symbols = runs.encode(mask, bits)
  assert symbols.max(initial=0) < 2**bits
  assert (symbols < 2**bits - 1).sum() == mask.sum()
  np.testing.assert_array_equal(runs.decode(symbols, bits, mask.shape), mask)


@pytest.mark.parametrize('gap', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
def test_a_run_spends_one_symbol_and_one_for_each_time_it_is_too_long(gap):
  mask = np.arange(gap + 3) == gap
  assert len(runs.encode(mask, 2)) == 1 + gap // 3


@pytest.mark.parametrize('density', [0.02, 0.1, 0.5, 0.9])
def test_the_best_bits_give_the_fewest(density):
  mask = np.random.default_rng(1).random(5000) < density
  best = runs.best_bits(mask)
  sizes = {bits: runs.encode(mask, bits).size * bits for bits in range(2, 9)}
  assert sizes[best] == min(sizes.values())


def test_other_bits_are_refused():
  with pytest.raises(errors.UserError, match='2 to 8 bits; got 1'):
    runs.encode(np.ones(3, bool), 1)


def test_runs_beyond_the_shape_are_refused():
  with pytest.raises(errors.UserError, match='of 4 weights do not fit'):
    runs.decode(np.array([0, 2]), 2, (3,))
