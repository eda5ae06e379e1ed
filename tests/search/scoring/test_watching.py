"""What is seen inside of a network, against the same computed in the open."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas.nn import layers
from effnas.search.scoring import watching


class _Block(linen.Module):
  @linen.compact
  def __call__(self, x, train=False):
    return jax.nn.relu6(layers.Norm(name='norm')(x, train))


class _Net(linen.Module):
  """ReLUs in the open, under `jit`, and in a block that may be recomputed."""

  remat: bool = False

  @linen.compact
  def __call__(self, x, train=False):
    x = jax.nn.relu(x - 1)
    x = jax.jit(lambda x: jax.nn.relu(2 * x - 1))(x)
    block = linen.remat(_Block, static_argnums=2) if self.remat else _Block
    x = block(name='block')(x, train)
    x = jnp.maximum(x, 0.1).mean((1, 2), keepdims=True)  # no map any more
    return linen.Dense(3, name='head')(x)


@pytest.mark.parametrize('remat', [False, True])
def test_inputs_of_relus_maps_and_variances(remat):
  net = _Net(remat)
  x = jax.random.normal(jax.random.key(0), (4, 3, 3, 2)) + 1
  variables = jax.jit(net.init)(jax.random.key(1), x)
  seen = jax.jit(lambda v: vars(watching.watch(net, v, x)))(variables)
  first, second, third = seen['relu_inputs']
  np.testing.assert_allclose(first, x - 1, rtol=1e-6)
  given = np.maximum(2 * np.maximum(x - 1, 0) - 1, 0)
  np.testing.assert_allclose(second, 2 * np.maximum(x - 1, 0) - 1, rtol=1e-6)
  variance = given.var((0, 1, 2))
  normal = (given - given.mean((0, 1, 2))) / np.sqrt(variance + 1e-5)
  np.testing.assert_allclose(third, normal, rtol=1e-3, atol=1e-4)
  [seen_variance] = seen['variances']
  np.testing.assert_allclose(seen_variance, variance, rtol=1e-5)
  [last] = seen['maps']
  np.testing.assert_allclose(
    last, np.clip(normal, 0.1, 6), rtol=1e-3, atol=1e-4
  )


def test_watching_changes_nothing():
  net = _Net()
  x = jax.random.normal(jax.random.key(0), (4, 3, 3, 2)) + 1
  variables = jax.jit(net.init)(jax.random.key(1), x)
  before = jax.tree.map(np.asarray, variables)
  jax.jit(lambda v: watching.watch(net, v, x).variances)(variables)
  jax.tree.map(np.testing.assert_array_equal, variables, before)
