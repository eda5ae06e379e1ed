"""A small regression, and its training inside a scan."""

import jax
import jax.numpy as jnp
import optax
import pytest


def _problem(seed=0, dtype=jnp.float32):
  keys = jax.random.split(jax.random.key(seed), 4)
  params = {
    'a': {
      'kernel': jax.random.normal(keys[0], (8, 16), dtype),
      'bias': jnp.zeros(16, dtype),
    },
    'b': {'kernel': jax.random.normal(keys[1], (16, 4), dtype)},
  }
  x = jax.random.normal(keys[2], (32, 8), dtype)
  y = jax.random.normal(keys[3], (32, 4), dtype)

  def loss(params):
    hidden = jnp.tanh(x @ params['a']['kernel'] + params['a']['bias'])
    return jnp.mean((hidden @ params['b']['kernel'] - y) ** 2)

  return params, jax.grad(loss)


def _train(tx, params, gradient, steps=16):
  """Returns the last (params, state), and those after each step."""

  def step(carry, _):
    params, state = carry
    updates, state = tx.update(gradient(params), state, params)
    carry = optax.apply_updates(params, updates), state
    return carry, (carry[0], carry[1].masks)

  state = tx.init(params)
  return jax.jit(lambda c: jax.lax.scan(step, c, length=steps))((params, state))


@pytest.fixture
def problem():
  """(seed, dtype) -> parameters and the function of their gradients."""
  return _problem


@pytest.fixture
def train():
  """(optimiser, parameters, gradient, steps) -> what `_train` returns."""
  return _train
