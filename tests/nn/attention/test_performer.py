"""The Performer estimates softmax attention, without bias."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import plain_attention as plain
import pytest

from effnas import errors
from effnas.nn.attention import linear, performer

SEEDS = 4000


@functools.cache
def _estimates(orthogonal):
  """Returns exp(q . k / 2) of 3 pairs, and its guesses, [SEEDS, 3]."""
  q, k, _ = (x / 2 for x in plain.draw(3, heads=1, batch=1))
  w = np.stack(
    [performer.directions(4, 4, seed, orthogonal) for seed in range(SEEDS)]
  )

  @jax.jit
  @jax.vmap
  def guess(w):
    logs = performer.log_features(q, w) + performer.log_features(k, w)
    return jnp.exp(logs).mean(-1)[0, :, 0]

  exact = np.exp((q * k).sum(-1)[0, :, 0] / 2)
  return np.asarray(exact), np.asarray(guess(w), np.float64)


@pytest.mark.parametrize('orthogonal', [True, False])
def test_the_kernel_is_estimated_without_bias(orthogonal):
  exact, guesses = _estimates(orthogonal)
  standard_error = guesses.std(0) / SEEDS**0.5
  assert (standard_error < 0.01 * exact).all()
  assert (np.abs(guesses.mean(0) - exact) < 3.5 * standard_error).all()


def test_orthogonal_directions_lower_the_variance():
  (_, orthogonal), (_, independent) = _estimates(True), _estimates(False)
  ratio = orthogonal.var(0) / independent.var(0)
  assert ratio.max() < 1
  assert ratio.mean() < 0.95


def test_directions_are_orthogonal_in_blocks_and_as_long_as_normal_vectors():
  w = performer.directions(5000, 4)
  blocks = w.reshape(-1, 4, 4)
  products = blocks @ blocks.transpose(0, 2, 1)
  np.testing.assert_allclose(
    products * (1 - np.eye(4)), np.zeros_like(products), atol=1e-5
  )
  squares = (w**2).sum(1)  # Chi-squared with 4 degrees: mean 4, variance 8.
  assert abs(squares.mean() - 4) < 0.15
  assert abs(squares.var() - 8) < 1
  # No direction is preferred.
  np.testing.assert_allclose(w.mean(0), 0, atol=0.06)
  np.testing.assert_allclose(np.cov(w.T), np.eye(4), atol=0.08)


@pytest.mark.parametrize('causal', [False, True])
def test_the_error_against_softmax_falls_as_features_grow(causal):
  q, k, v = plain.draw(12, heads=2, groups=1, channels=8, values=6)
  q, k = q / 2, k / 2
  exact = plain.softmax(q, k, v, np.tri(12) > 0 if causal else True)

  def error(features):
    @jax.jit
    def attend(w):
      q_, k_ = performer.log_features(q, w), performer.log_features(k, w)
      return linear.kernel_attention(q_, k_, v, causal=causal, chunk=8)

    return np.sqrt(
      np.mean(
        [
          (attend(performer.directions(features, 8, seed)) - exact) ** 2
          for seed in range(8)
        ]
      )
    )

  # As 1 / sqrt(M): a quarter at 16 times the features.
  few, many = error(64), error(1024)
  assert 0.15 * few < many < 0.5 * few
  assert many < 0.1 * np.std(exact)


@pytest.mark.parametrize('causal', [False, True])
def test_large_queries_and_keys_stay_finite(causal):
  q, k, v = plain.draw(12, channels=8)
  mixer = performer.Performer(causal=causal, chunk=4)

  def total(q, k, v):
    return (mixer.apply({}, 30 * q, 30 * k, v, (12,)) ** 2).sum()

  for gradient in jax.jit(jax.grad(total, (0, 1, 2)))(q, k, v):
    assert jnp.isfinite(gradient).all()


def test_the_seed_is_all_that_is_random():
  q, k, v = plain.draw()
  first, again, other = (
    performer.Performer(seed=seed).apply({}, q, k, v, (7,))
    for seed in (0, 0, 1)
  )
  assert (first == again).all()
  assert (first != other).any()


def test_no_feature_is_an_error():
  with pytest.raises(errors.UserError, match='at least 1; got 0'):
    performer.Performer(features=0).apply({}, *plain.draw(), (7,))
