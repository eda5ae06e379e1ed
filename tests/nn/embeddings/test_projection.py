"""Ternary codes: their distribution, their angles, their independence of V."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas.nn import hashing
from effnas.nn.embeddings import projection


def test_features_are_minus_one_zero_and_one_in_a_quarter_half_quarter():
  codes = np.asarray(projection.ternary(jnp.arange(4000), 100))
  assert codes.shape == (4000, 100)
  shares = [(codes == v).mean() for v in (-1, 0, 1)]
  # 400,000 draws: three standard errors are about .002.
  np.testing.assert_allclose(shares, [0.25, 0.5, 0.25], atol=0.003)
  assert set(np.unique(codes)) == {-1, 0, 1}
  # Each feature alone, too: 4,000 draws of variance 1/2.
  assert np.abs(codes.mean(0)).max() < 4 * np.sqrt(0.5 / 4000)


def test_two_bits_make_a_feature_by_the_published_table():
  tokens = jnp.arange(50)
  words = hashing.words(tokens, 2).tolist()
  table = [0, 1, -1, 0]
  expected = [
    [table[w >> shift & 3] for w in pair for shift in range(0, 32, 2)]
    for pair in words
  ]
  assert projection.ternary(tokens, 32).tolist() == expected


def test_codes_of_tokens_are_nearly_orthogonal():
  codes = np.asarray(projection.ternary(jnp.arange(300), 1024), np.float32)
  norms = np.linalg.norm(codes, axis=1)
  cosines = codes @ codes.T / np.outer(norms, norms)
  between = cosines[np.triu_indices(300, 1)]
  # As for independent features: mean 0, standard deviation 1 / sqrt(1024).
  assert abs(between.mean()) < 4 / np.sqrt(1024 * between.size)
  assert between.std() == pytest.approx(1 / 32, rel=0.05)
  assert np.abs(between).max() < 6 / 32


def test_features_of_a_code_are_uncorrelated():
  codes = np.asarray(projection.ternary(jnp.arange(10_000), 64), np.float32)
  correlations = np.corrcoef(codes.T)[np.triu_indices(64, 1)]
  assert np.abs(correlations).max() < 5 / np.sqrt(10_000)


def test_a_seed_names_its_codes_and_a_narrow_code_starts_a_wide_one():
  tokens = jnp.arange(9)
  code = projection.ternary(tokens, 32)
  np.testing.assert_array_equal(code, projection.ternary(tokens, 32))
  assert (code != projection.ternary(tokens, 32, seed=1)).any(1).all()
  for width in (5, 20):
    narrow = projection.ternary(tokens, width)
    np.testing.assert_array_equal(code[:, :width], narrow)


def test_it_is_a_product_with_the_codes():
  tokens = jnp.array([[4, 70_000, 4]])
  embedding = projection.Projection(features=5, width=40)
  variables = embedding.init(jax.random.key(0), tokens)
  params = {
    'bias': jnp.arange(5.0),
    'project': variables['params']['project'],
  }
  kernel = np.asarray(params['project']['kernel'])
  codes = np.asarray(projection.ternary(tokens, 40), np.float32)
  np.testing.assert_allclose(
    embedding.apply({'params': params}, tokens),
    codes @ kernel + np.arange(5.0),
    atol=1e-5,
  )


def test_parameters_do_not_depend_on_the_vocabulary():
  def count(vocabulary):
    embedding = projection.Projection(vocabulary=vocabulary)
    variables = embedding.init(jax.random.key(0), jnp.zeros((1, 1), int))
    return sum(p.size for p in jax.tree.leaves(variables))

  assert count(10) == count(10**6) == 256 * 64 + 64
