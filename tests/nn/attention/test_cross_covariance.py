"""Cross-covariance attention mixes channels, and does not see the order."""

import jax
import jax.numpy as jnp
import numpy as np
import plain_attention as plain
import pytest

from effnas import errors
from effnas.nn.attention import cross_covariance

MIXER = cross_covariance.CrossCovariance()
PARAMS = {'params': {'temperature': jnp.array([0.5, 1, 3, 10])}}


@pytest.mark.parametrize('groups', [1, 2, 4])
def test_it_equals_its_formula(groups):
  q, k, v = plain.draw(9, groups=groups)
  expected = np.empty((2, 9, 4, 4))
  for b, h in np.ndindex(2, 4):
    queries, keys, values = (
      np.float64(x)[b, :, h * x.shape[2] // 4] for x in (q, k, v)
    )
    queries = queries / np.linalg.norm(queries, axis=0)
    keys = keys / np.linalg.norm(keys, axis=0)
    scores = np.exp(queries.T @ keys * PARAMS['params']['temperature'][h])
    weights = scores / scores.sum(1, keepdims=True)
    expected[b, :, h] = values @ weights.T
  np.testing.assert_allclose(
    MIXER.apply(PARAMS, q, k, v, (9,)), expected, atol=1e-5
  )


def test_it_does_not_see_the_order_of_the_positions():
  q, k, v = plain.draw()
  order = np.array([3, 1, 6, 0, 2, 5, 4])
  np.testing.assert_allclose(
    MIXER.apply(PARAMS, *(x[:, order] for x in (q, k, v)), (7,)),
    MIXER.apply(PARAMS, q, k, v, (7,))[:, order],
    atol=1e-6,
  )


def test_a_channel_of_zeros_has_finite_gradients():
  q, k, v = plain.draw()
  q = q.at[..., 0].set(0)
  gradient = jax.grad(lambda q: MIXER.apply(PARAMS, q, k, v, (7,)).sum())(q)
  assert jnp.isfinite(gradient).all()


def test_values_of_another_width_are_an_error():
  with pytest.raises(errors.UserError, match='head_dim; got 6 and 4'):
    MIXER.apply(PARAMS, *plain.draw(values=6), (7,))
