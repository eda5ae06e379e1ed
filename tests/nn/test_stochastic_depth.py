"""Stochastic depth: whole examples, in training only, right on average."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trained

from effnas.nn import blocks, stochastic_depth

# Blocks that are the identity where all branches are dropped -> branches.
RESIDUAL = {
  'mobilenet_v2': 1,
  'efficientnet_v2': 1,
  'efficientnet_v2_first': 1,
  'ghostnet_se': 1,
  'convnext': 1,
  'mixnet': 1,
  'replknet': 2,
  'van': 2,
}


def _drop(x, rate, seed=0):
  return stochastic_depth.StochasticDepth(rate).apply(
    {}, x, True, rngs={'dropout': jax.random.key(seed)}
  )


def test_whole_examples_are_dropped_and_the_others_scaled():
  x = jax.random.normal(jax.random.key(1), (64, 3, 2, 4))
  kept = np.asarray(_drop(x, 0.25)).any((1, 2, 3))
  assert 0 < kept.sum() < 64
  expected = np.where(kept[:, None, None, None], x / 0.75, 0)
  np.testing.assert_allclose(_drop(x, 0.25), expected, rtol=1e-6)


@pytest.mark.parametrize('rate', [0.1, 0.5, 0.9])
def test_the_expectation_is_the_branch(rate):
  examples = 20_000
  mean = _drop(jnp.ones((examples, 1)), rate).mean()
  assert abs(mean - 1) < 5 * np.sqrt(rate / (1 - rate) / examples)


def test_at_inference_and_at_rate_zero_nothing_happens():
  x = jax.random.normal(jax.random.key(1), (8, 3))
  module = stochastic_depth.StochasticDepth(0.5)
  np.testing.assert_array_equal(module.apply({}, x), x)
  module = stochastic_depth.StochasticDepth(0.0)
  np.testing.assert_array_equal(module.apply({}, x, True), x)


@pytest.mark.parametrize('name', RESIDUAL)
def test_a_blocks_branches_are_dropped_independently(name):
  block = blocks.variants()[name].copy(drop_path=0.5)
  if name == 'replknet':
    block = block.copy(kernel=5, small=3)
  x, other = jax.random.normal(jax.random.key(2), (2, 4, 3, 8))
  # Many alike examples, and as many others since normalisation needs variety.
  batch = jnp.stack([x, other] * 64)

  @jax.jit
  def run(variables):
    rngs = {'dropout': jax.random.key(1)}
    return block.apply(
      variables, batch, True, mutable=['batch_stats'], rngs=rngs
    )

  y, _ = run(trained.variables(block, batch))
  kinds = np.unique(np.asarray(y[::2]).round(4).reshape(64, -1), axis=0)
  assert len(kinds) == 2 ** RESIDUAL[name]
  assert (kinds == np.asarray(x).round(4).ravel()).all(1).any()
