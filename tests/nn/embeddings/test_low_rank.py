"""A factorised table: narrow inside, and a table when it is not narrow."""

import jax
import jax.numpy as jnp
import numpy as np

from effnas.nn.embeddings import low_rank, table

TOKENS = jnp.arange(20)[None]


def test_vectors_span_no_more_than_the_rank():
  embedding = low_rank.LowRank(features=12, vocabulary=20, rank=3)
  variables = embedding.init(jax.random.key(0), TOKENS)
  bias = jax.random.normal(jax.random.key(1), (12,))
  variables['params']['project']['bias'] = bias
  vectors = embedding.apply(variables, TOKENS)[0]
  assert np.linalg.matrix_rank(vectors - bias, tol=1e-4) == 3


def test_with_an_identity_projection_it_is_a_table():
  embedding = low_rank.LowRank(features=5, vocabulary=20, rank=5)
  variables = embedding.init(jax.random.key(0), TOKENS)
  variables['params']['project']['kernel'] = jnp.eye(5)
  plain = {'params': {'table': variables['params']['table']}}
  np.testing.assert_array_equal(
    embedding.apply(variables, TOKENS),
    table.Table(features=5, vocabulary=20).apply(plain, TOKENS),
  )
