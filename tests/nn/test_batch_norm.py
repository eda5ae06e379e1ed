"""Batch normalisation equals Flax's, in value, gradients and statistics."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas.nn import batch_norm

SHAPE = (6, 5, 4, 3)


def _modules(train):
  ours = batch_norm.BatchNorm(momentum=0.8, epsilon=1e-3)
  theirs = linen.BatchNorm(
    use_running_average=not train, momentum=0.8, epsilon=1e-3
  )
  return ours, theirs


def _variables():
  keys = jax.random.split(jax.random.key(1), 4)
  scale, bias, mean, var = (jax.random.normal(k, SHAPE[-1:]) for k in keys)
  return {
    'params': {'scale': scale, 'bias': bias},
    'batch_stats': {'mean': mean, 'var': var**2 + 0.5},
  }


def _input():
  return 3 + 2 * jax.random.normal(jax.random.key(0), SHAPE)


@pytest.mark.parametrize('train', [True, False])
def test_equals_flax(train):
  def run(apply):
    def loss(params, x):
      y, changed = apply({**_variables(), 'params': params}, x)
      return jnp.sum(jnp.sin(2 * y) ** 2), (y, changed)

    return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(
      _variables()['params'], _input()
    )

  ours, theirs = _modules(train)
  found = run(lambda v, x: ours.apply(v, x, train, mutable=['batch_stats']))
  expected = run(lambda v, x: theirs.apply(v, x, mutable=['batch_stats']))
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
    found,
    expected,
  )


def test_variables_are_those_of_flax():
  ours, theirs = _modules(True)
  jax.tree.map(
    np.testing.assert_array_equal,
    ours.init(jax.random.key(0), _input()),
    theirs.init(jax.random.key(0), _input()),
  )


def test_a_far_mean_does_not_spoil_the_gradient():
  x = 100 + jax.random.normal(jax.random.key(0), (256, 2))

  def loss(x, dtype):
    y, _, _ = batch_norm.normalize(
      x.astype(dtype), jnp.ones(2, dtype), jnp.zeros(2, dtype), 1e-5
    )
    return jnp.sum(jnp.sin(y))

  found = jax.grad(loss)(x, jnp.float32)
  with jax.enable_x64(True):
    exact = jax.grad(loss)(x, jnp.float64)
  np.testing.assert_allclose(found, exact, atol=2e-3 * jnp.abs(exact).max())


def test_statistics_of_bfloat16_are_float32():
  y, mean, var = batch_norm.normalize(
    _input().astype(jnp.bfloat16), jnp.ones(3), jnp.zeros(3), 1e-5
  )
  assert (y.dtype, mean.dtype, var.dtype) == (
    jnp.bfloat16,
    jnp.float32,
    jnp.float32,
  )
  np.testing.assert_allclose(var, _input().var((0, 1, 2)), rtol=0.02)


def test_inference_in_bfloat16_rounds_once():
  ours, _ = _modules(False)
  x = (100 + _input()).astype(jnp.bfloat16)
  variables = _variables()
  variables['batch_stats']['mean'] += 100
  y = ours.apply(variables, x)
  exact = ours.apply(variables, x.astype(jnp.float32))
  assert y.dtype == jnp.bfloat16
  np.testing.assert_allclose(y.astype(jnp.float32), exact, rtol=2**-8)
