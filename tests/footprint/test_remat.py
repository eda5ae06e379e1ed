"""Segments: the same values and gradients, less memory, more work."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas.footprint import remat
from effnas.footprint.program import count, memory
from effnas.nn.blocks import mbconv

FAST = {'xla_backend_optimization_level': 0}  # to compile


def _chain(depth):
  def f(ws, x):
    for i in range(depth):
      x = jnp.tanh(x @ ws[i])
    return x.sum()

  ws = [jax.ShapeDtypeStruct((4, 4), jnp.float32)] * depth
  return f, ws, jax.ShapeDtypeStruct((256, 4), jnp.float32)


def _peak(f, *args):
  return memory.peak(
    *count.trace(jax.make_jaxpr(jax.grad(f))(*args), len(args[0]))
  )


def test_memory_grows_with_the_root_of_the_depth():
  def ratio(cut):
    few, many = (
      _peak(remat.segments(*chain) if cut else chain[0], *chain[1:])
      for chain in (_chain(16), _chain(144))
    )
    return many / few

  assert ratio(cut=False) > 7
  assert 2 < ratio(cut=True) < 4


@pytest.mark.parametrize('number', [None, 1, 2, 5, 1000])
def test_values_and_gradients_are_the_same(number):
  f, ws, x = _chain(6)
  rng = np.random.default_rng(0)
  args = jax.tree.map(
    lambda a: jnp.asarray(rng.normal(size=a.shape), a.dtype), (ws, x)
  )
  cut = remat.segments(f, *args, number=number)
  for a, b in zip(
    jax.tree.leaves(jax.value_and_grad(f)(*args)),
    jax.tree.leaves(jax.value_and_grad(cut)(*args)),
    strict=True,
  ):
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_outputs_are_trees_and_may_be_inputs_or_constants():
  def f(x):
    return {'a': x['in'], 'b': (jnp.sin(x['in']), 2.0), 'c': np.ones(2)}

  x = {'in': jnp.ones(3)}
  found = remat.segments(f, x)(x)
  assert jax.tree.structure(found) == jax.tree.structure(f(x))
  jax.tree.map(np.testing.assert_array_equal, found, f(x))


def test_a_network_with_our_own_gradients():
  net = mbconv.MBConv(features=4, stride=2)
  rng = np.random.default_rng(0)
  x = rng.standard_normal((2, 4, 4, 3), np.float32)
  variables = jax.tree.map(
    lambda a: rng.uniform(0.5, 1, a.shape).astype(a.dtype),
    jax.eval_shape(net.init, jax.random.key(0), x),
  )

  def loss(params, x):
    y, changed = net.apply(
      {**variables, 'params': params}, x, train=True, mutable=['batch_stats']
    )
    return (y**2).mean(), changed

  params = variables['params']
  cut = remat.segments(loss, params, x)
  plain, again = (
    jax.jit(jax.value_and_grad(f, has_aux=True))(params, x) for f in (loss, cut)
  )
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
    plain,
    again,
  )
