import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas.compress.pruning import ranking

ROWS = {
  'normal': np.random.default_rng(0).normal(size=(3, 50)),
  'ties': np.random.default_rng(1).integers(-2, 3, size=(3, 50)),
  'extremes': [[np.inf, -np.inf, 0.0, 3e38, -3e38, 1e-37, -1e-37, 1.0]],
}


@pytest.mark.parametrize('name', ROWS)
def test_as_a_stable_sort_has_it(name):
  table = np.asarray(ROWS[name], np.float32)
  lowest = jax.jit(ranking.lowest)
  for count in range(table.shape[1] + 1):
    expected = np.zeros(table.shape, bool)
    order = np.argsort(table, axis=1, kind='stable')[:, :count]
    np.put_along_axis(expected, order, True, axis=1)
    assert (lowest(table, count) == expected).all()


def test_zeros_of_both_signs_are_equal_and_nan_is_the_highest():
  table = jnp.array([[0.0, -0.0, jnp.nan, -jnp.nan, jnp.inf, 2.0]])
  assert ranking.lowest(table, 1)[0].tolist() == [True] + [False] * 5
  assert ranking.lowest(table, 3)[0].tolist() == [
    True,
    True,
    False,
    False,
    False,
    True,
  ]


def test_counts_may_differ_by_row_and_type():
  table = jnp.arange(8, dtype=jnp.bfloat16).reshape(2, 4)
  found = ranking.lowest(table, jnp.array([[1], [3]]))
  assert found.sum(1).tolist() == [1, 3]
