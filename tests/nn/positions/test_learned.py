"""Learned positions are rows of a table."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.nn.positions import learned


def test_each_position_gets_its_row():
  x = jax.random.normal(jax.random.key(0), (2, 3, 4))
  module = learned.Learned(5)
  variables = module.init(jax.random.key(1), x)
  table = variables['params']['table']
  assert table.shape == (5, 4)
  y = module.apply(variables, x)
  for t in range(3):
    np.testing.assert_array_equal(y[:, t], x[:, t] + table[t])


def test_too_long_a_sequence_is_refused():
  with pytest.raises(errors.UserError, match='positions=6'):
    learned.Learned(5).init(jax.random.key(0), jnp.ones((1, 6, 4)))
