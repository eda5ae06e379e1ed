"""The transformer's block on maps: its pooling, its positions."""

import jax
import jax.numpy as jnp
import numpy as np
import trained

from effnas.nn.blocks import transformer

X = jax.random.normal(jax.random.key(0), (2, 5, 4, 8))


def _without(variables, part=''):
  """Sets the parameters on paths with a part in them to zero."""

  def zero(path, leaf):
    return jnp.zeros_like(leaf) if part in str(path) else leaf

  return {'params': jax.tree.map_with_path(zero, variables['params'])}


def test_a_stride_averages_what_the_map_has():
  block = transformer.TransformerBlock(stride=2)
  y = block.apply(_without(trained.variables(block, X)), X)
  np.testing.assert_allclose(y[:, 0, 1], X[:, :2, 2:].mean((1, 2)), atol=1e-6)
  # A window at the far end averages the two pixels that it holds.
  np.testing.assert_allclose(y[:, 2, 0], X[:, 4, :2].mean(1), atol=1e-6)


def test_positions_come_from_the_convolution_alone():
  block = transformer.TransformerBlock()
  variables = trained.variables(block, X)
  apply = jax.jit(block.apply)

  def difference(variables):
    turned = apply(variables, X[:, ::-1])
    return jnp.abs(turned - apply(variables, X)[:, ::-1]).max()

  assert difference(_without(variables, 'position')) < 1e-4
  assert difference(variables) > 0.1
