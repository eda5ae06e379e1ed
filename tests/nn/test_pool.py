"""Windows' largest values: those of Flax, gradients too."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas.nn import pool

WINDOWS = [
  ((2, 2), (2, 2), ((0, 0), (0, 0))),
  ((3, 3), (2, 2), ((1, 1), (1, 1))),
  ((3, 3), (1, 1), ((1, 1), (1, 1))),
  ((3, 2), (1, 3), ((0, 2), (1, 0))),
]


def _images(dtype=jnp.float32):
  # Few different values: most windows have several that are the largest.
  x = jax.random.randint(jax.random.key(0), (2, 9, 10, 3), -2, 2)
  return x.astype(dtype)


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize('how', WINDOWS, ids=str)
def test_values_and_gradients_are_flaxs_at_ties_too(how, dtype):
  x = _images(dtype)

  def run(pooled):
    y, backward = jax.vjp(lambda x: pooled(x, *how), x)
    # Small whole numbers, of which sums are exact in any order.
    g = jax.random.randint(jax.random.key(1), y.shape, 0, 9).astype(dtype)
    return y, backward(g)[0]

  ours, flax = jax.jit(lambda: (run(pool.max_pool), run(linen.max_pool)))()
  jax.tree.map(np.testing.assert_array_equal, ours, flax)
  assert ours[0].dtype == dtype


def test_nan_is_the_largest_wherever_it_stands():
  x = jnp.zeros((4, 2, 2, 1))
  for i in range(4):
    x = x.at[i, i // 2, i % 2].set(jnp.nan)
  assert jnp.isnan(jax.jit(lambda x: pool.max_pool(x, (2, 2), (2, 2)))(x)).all()


def test_a_program_for_another_platform_holds_the_native_one():
  x = _images()

  def loss(x):
    return (pool.max_pool(x, (2, 2), (2, 2)) ** 2).sum()

  def text(platform):
    traced = jax.jit(jax.grad(loss)).trace(x)
    return traced.lower(lowering_platforms=(platform,)).as_text()

  for platform in ('tpu', 'cuda'):
    assert 'select_and_scatter' in text(platform)
  assert 'select_and_scatter' not in text('cpu')
  assert 'reduce_window' not in text('cpu')
