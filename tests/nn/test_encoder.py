"""The encoder layer: its formula, its scales, its dropped branches."""

import formula
import jax
import jax.numpy as jnp
import numpy as np

from effnas import footprint
from effnas.nn import encoder, multi_head

ATTENTION = multi_head.MultiHeadAttention(heads=2, bias=True)


def _start(batch=2, **fields):
  layer = encoder.EncoderLayer(ATTENTION, mlp=2, **fields)
  x = jax.random.normal(jax.random.key(0), (batch, 3, 4, 8))
  return layer, x, jax.jit(layer.init)(jax.random.key(1), x)


def _train(layer, x, variables):
  return layer.apply(variables, x, True, rngs={'dropout': jax.random.key(2)})


def _norm(x):
  return (x - x.mean(-1, keepdims=True)) / jnp.sqrt(
    x.var(-1, keepdims=True) + 1e-5
  )


def test_it_equals_its_formula():
  layer, x, variables = _start()
  params = variables['params']
  attend = {'params': params['attend']}
  middle = x + ATTENTION.apply(attend, _norm(x))
  hidden = _norm(middle) @ params['mlp_in']['kernel']
  out = jax.nn.gelu(hidden, approximate=False) @ params['mlp_out']['kernel']
  np.testing.assert_allclose(layer.apply(variables, x), middle + out, atol=1e-5)


def test_a_layer_scale_of_zero_is_the_identity_and_none_has_no_parameters():
  layer, x, variables = _start(layer_scale=0.0)
  np.testing.assert_array_equal(layer.apply(variables, x), x)
  assert {'branch_attention', 'branch_mlp'} <= variables['params'].keys()
  _, _, plain = _start()
  assert not any(k.startswith('branch') for k in plain['params'])


def test_dropped_branches_leave_the_input_in_training_only():
  layer, x, variables = _start(drop_path=1.0)
  np.testing.assert_array_equal(_train(layer, x, variables), x)
  assert jnp.abs(layer.apply(variables, x) - x).max() > 0.1


def test_the_two_branches_are_dropped_independently():
  layer, x, variables = _start(drop_path=0.5)
  alike = jnp.repeat(x[:1], 64, axis=0)
  y = _train(layer, alike, variables).reshape(64, -1)
  kinds = np.unique(np.asarray(y).round(4), axis=0)
  assert len(kinds) == 4  # Neither, the one, the other, both.


def test_it_costs_what_its_docstring_says():
  layer, _, _ = _start()
  cost = formula.of(layer, (3, 4, 8), (3, 4, 8))['MACs']
  assert footprint.measure(layer, (3, 4, 8))['macs'] == cost > 0
