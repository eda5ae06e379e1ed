"""Decoders are the published ones, and see no later token."""

import jax
import jax.numpy as jnp
import numpy as np

from effnas import footprint
from effnas.zoo import decoder


def test_no_position_sees_a_later_one():
  net = decoder.miniature().build()
  x = jax.random.randint(jax.random.key(0), (2, 16), 0, 10)
  variables = jax.jit(net.init)(jax.random.key(1), x)
  changed = x.at[:, 9].set((x[:, 9] + 1) % 10)
  apply = jax.jit(net.apply)
  a, b = apply(variables, x), apply(variables, changed)
  assert a.shape == (2, 16, 10)
  np.testing.assert_array_equal(a[:, :9], b[:, :9])
  assert (jnp.abs(a - b)[:, 9:].max(-1) > 1e-4).all()


def test_a_tied_head_is_the_table():
  tied, untied = (
    footprint.measure(
      decoder.miniature().build(tied=tied), (16,), input_dtype='int32'
    )
    for tied in (True, False)
  )
  assert untied['params'] - tied['params'] == 10 * 16
  assert untied['macs'] == tied['macs']


def test_training_drops():
  net = decoder.miniature().build(dropout=0.5)
  x = jnp.zeros((2, 16), int)
  variables = jax.jit(net.init)(jax.random.key(0), x)

  @jax.jit
  def difference(variables, x):
    rngs = {'dropout': jax.random.key(1)}
    trained = net.apply(variables, x, train=True, rngs=rngs)
    return jnp.abs(trained - net.apply(variables, x)).max()

  assert difference(variables, x) > 1e-3
