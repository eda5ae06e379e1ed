"""Hash embeddings: a plain table as a special case, and what they share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.nn.embeddings import hashed, table

TOKENS = jnp.array([[0, 7, 19, 7], [3, 1, 18, 0]])


def _with(embedding, **params):
  variables = embedding.init(jax.random.key(0), TOKENS)
  return {'params': {**variables['params'], **params}}


@pytest.mark.parametrize('buckets', [20, 25])
def test_with_a_row_per_token_it_is_a_table(buckets):
  embedding = hashed.Hashed(
    features=5, vocabulary=20, buckets=buckets, hashes=1, importance='none'
  )
  variables = _with(embedding)
  np.testing.assert_array_equal(
    embedding.apply(variables, TOKENS),
    table.Table(features=5, vocabulary=buckets).apply(variables, TOKENS),
  )


def test_with_a_row_less_tokens_collide():
  embedding = hashed.Hashed(5, 20, buckets=19, hashes=1, importance='none')
  vectors = embedding.apply(_with(embedding), jnp.arange(20)[None])[0]
  assert len(np.unique(vectors, axis=0)) < 20


def test_it_is_the_weighed_sum_of_the_rows_that_the_hashes_choose():
  embedding = hashed.Hashed(features=4, vocabulary=20, buckets=6, hashes=3)
  importance = jax.random.normal(jax.random.key(1), (20, 3))
  variables = _with(embedding, importance={'embedding': importance})
  rows = np.asarray(variables['params']['table']['embedding'])
  chosen = np.asarray(embedding._buckets(TOKENS))
  assert chosen.min() >= 0
  assert chosen.max() < 6
  expected = np.zeros((2, 4, 4))
  for n, t in np.ndindex(2, 4):
    for k in range(3):
      expected[n, t] += importance[TOKENS[n, t], k] * rows[chosen[n, t, k]]
  np.testing.assert_allclose(
    embedding.apply(variables, TOKENS), expected, atol=1e-6
  )


def test_shared_importance_is_that_of_all_tokens_alike():
  weights = jnp.array([0.5, -2.0])
  shared = hashed.Hashed(4, 20, buckets=6, importance='shared')
  own = hashed.Hashed(4, 20, buckets=6)
  np.testing.assert_allclose(
    shared.apply(_with(shared, importance=weights), TOKENS),
    own.apply(
      _with(own, importance={'embedding': jnp.tile(weights, (20, 1))}), TOKENS
    ),
    atol=1e-6,
  )


def test_no_importance_is_an_importance_of_one():
  plain = hashed.Hashed(4, 20, buckets=6, importance='none')
  shared = hashed.Hashed(4, 20, buckets=6, importance='shared')
  np.testing.assert_allclose(
    plain.apply(_with(plain), TOKENS),
    shared.apply(_with(shared, importance=jnp.ones(2)), TOKENS),
    atol=1e-6,
  )


def test_two_hashes_tell_apart_what_one_confuses():
  tokens = jnp.arange(1000)[None]

  def distinct(hashes):
    embedding = hashed.Hashed(8, 1000, 200, hashes, importance='none')
    vectors = embedding.apply(_with(embedding), tokens)[0]
    return len(np.unique(np.asarray(vectors).round(5), axis=0))

  # Of n tokens in b buckets, b (1 - exp(-n / b)) buckets are taken: 199; two
  # hashes choose one of about b^2 / 2 sums, which 25 pairs of tokens share.
  assert distinct(1) <= 200
  assert distinct(2) > 950


def test_vectors_start_at_the_scale_of_a_table():
  tokens = jnp.arange(2000)[None]
  plain = table.Table(64, 2000).init_with_output(jax.random.key(0), tokens)[0]
  for importance in ('token', 'shared'):
    mixed, _ = hashed.Hashed(
      64, 2000, buckets=500, hashes=3, importance=importance
    ).init_with_output(jax.random.key(0), tokens)
    assert abs(mixed.std() / plain.std() - 1) < 0.05


def test_the_seed_changes_the_hashes_and_nothing_else():
  one, other = hashed.Hashed(4, 20, 6), hashed.Hashed(4, 20, 6, seed=1)
  variables = _with(one)
  assert (
    jnp.abs(one.apply(variables, TOKENS) - other.apply(variables, TOKENS)).max()
    > 0.01
  )


def test_an_unknown_importance_is_one_line():
  with pytest.raises(errors.UserError, match="did you mean 'token'"):
    _with(hashed.Hashed(importance='tokens'))
