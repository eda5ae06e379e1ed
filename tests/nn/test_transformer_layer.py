"""The transformer layer: its three orders, its gate, its cost."""

import formula
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, footprint
from effnas.nn import multi_head, transformer_layer

ATTENTION = multi_head.MultiHeadAttention(heads=2)
X = jax.random.normal(jax.random.key(0), (2, 5, 8))


def _start(**fields):
  layer = transformer_layer.TransformerLayer(ATTENTION, mlp=2, **fields)
  variables = jax.jit(layer.init)(jax.random.key(1), X)
  # Biases and norms start as zeros and ones, which would hide a mistake.
  leaves, form = jax.tree.flatten(variables)
  keys = jax.random.split(jax.random.key(2), len(leaves))
  leaves = [
    jax.random.normal(key, leaf.shape) / 2
    for key, leaf in zip(keys, leaves, strict=True)
  ]
  return layer, jax.tree.unflatten(form, leaves)


def _parts(params, gated=False):
  def norm(name, x):
    x = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(
      x.var(-1, keepdims=True) + 1e-5
    )
    return x * params[name]['layer']['scale'] + params[name]['layer']['bias']

  def dense(name, x):
    return x @ params[name]['kernel'] + params[name].get('bias', 0)

  def perceptron(x):
    y = jax.nn.gelu(dense('mlp_in', x), approximate=False)
    return dense('mlp_out', y * dense('mlp_gate', x) if gated else y)

  def attend(x):
    return ATTENTION.apply({'params': params['attend']}, x)

  return norm, perceptron, attend


@pytest.mark.parametrize('order', transformer_layer.ORDERS)
def test_each_order_is_its_formula(order):
  layer, variables = _start(order=order)
  norm, perceptron, attend = _parts(variables['params'])
  if order == 'post':
    y = norm('norm_attention', X + attend(X))
    y = norm('norm_mlp', y + perceptron(y))
  elif order == 'pre':
    y = X + attend(norm('norm_attention', X))
    y += perceptron(norm('norm_mlp', y))
  else:
    y = X + attend(norm('norm_attention', X)) + perceptron(norm('norm_mlp', X))
  np.testing.assert_allclose(layer.apply(variables, X), y, atol=1e-4)


def test_a_gate_multiplies_the_hidden_channels():
  layer, variables = _start(gated=True, bias=False)
  norm, perceptron, attend = _parts(variables['params'], gated=True)
  y = X + attend(norm('norm_attention', X))
  y += perceptron(norm('norm_mlp', y))
  np.testing.assert_allclose(layer.apply(variables, X), y, atol=1e-4)
  assert set(variables['params']['mlp_gate']) == {'kernel'}


def test_branches_are_dropped_in_training_only():
  layer, variables = _start(dropout=1.0)
  rngs = {'dropout': jax.random.key(3)}
  np.testing.assert_array_equal(layer.apply(variables, X, True, rngs=rngs), X)
  assert jnp.abs(layer.apply(variables, X) - X).max() > 0.1


@pytest.mark.parametrize('gated', [False, True])
def test_it_costs_what_its_docstring_says(gated):
  layer, _ = _start(gated=gated)
  cost = formula.of(layer, (5, 8), (5, 8))['MACs']
  assert footprint.measure(layer, (5, 8))['macs'] == cost > 0


def test_an_unknown_order_is_refused():
  with pytest.raises(errors.UserError, match="did you mean 'parallel'"):
    _start(order='paralel')
