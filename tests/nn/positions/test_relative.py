"""A relative bias is a table over offsets."""

import jax
import numpy as np
import pytest

from effnas.nn.positions import relative


def _bias(module, grid, heads=2):
  """Returns biases [H, T, T] from a table of distinct entries, and its size."""
  shapes = jax.eval_shape(
    lambda key: module.init(key, heads, grid), jax.random.key(0)
  )
  table = shapes['params']['table'].shape
  entries = np.arange(np.prod(table), dtype=np.float32).reshape(table)
  variables = {'params': {'table': entries}}
  return np.asarray(module.apply(variables, heads, grid)[0]), table[1]


def _offsets(grid):
  at = np.stack(np.unravel_index(np.arange(np.prod(grid)), grid), 1)
  return at[:, None] - at


@pytest.mark.parametrize(
  ('grid', 'reach', 'symmetric', 'entries'),
  [
    ((5,), 0, False, 9),
    ((5,), 0, True, 5),
    ((5,), 2, False, 5),
    ((4, 3), 0, False, 35),
    ((4, 3), 0, True, 12),
    ((4, 3), 2, False, 25),
    ((4, 3), 5, True, 36),
    ((2, 3, 2), 1, False, 27),
  ],
)
def test_pairs_share_an_entry_exactly_if_they_share_the_offset(
  grid, reach, symmetric, entries
):
  bias, found = _bias(relative.RelativeBias(reach, symmetric), grid)
  assert found == entries
  offsets = _offsets(grid)
  if symmetric:
    offsets = np.abs(offsets)
  if reach:
    offsets = offsets.clip(-reach, reach)
  offsets = offsets.reshape(-1, len(grid))
  alike = (offsets[:, None] == offsets).all(-1)
  for head in bias.reshape(2, -1):
    assert ((head[:, None] == head) == alike).all()
  assert (bias[0] != bias[1]).all()


def test_a_bound_reach_lets_the_table_outlive_the_grid():
  module = relative.RelativeBias(reach=2)
  small, _ = _bias(module, (4, 3))
  large, _ = _bias(module, (6, 3))
  np.testing.assert_array_equal(small, large[:, :12, :12])
