"""Large-kernel attention gates, and sees a field without holes."""

import jax
import jax.numpy as jnp
import numpy as np
import trained

from effnas.nn import rewrite
from effnas.nn.blocks import van


def test_attention_sees_a_field_without_holes():
  attention = van.LargeKernelAttention(kernel=3, dilation=3)
  x = jax.random.normal(jax.random.key(0), (1, 15, 15, 2))
  variables = trained.variables(attention, x)
  field = trained.seen(lambda x: attention.apply(variables, x)[0, 7, 7, 0], x)[
    0
  ]
  expected = np.zeros((15, 15), bool)
  side = 3 * (3 + 1) - 1
  expected[7 - side // 2 : 8 + side // 2, 7 - side // 2 : 8 + side // 2] = True
  np.testing.assert_array_equal(field[..., 0], expected)
  np.testing.assert_array_equal(field[..., 1], expected)


def test_attention_multiplies_the_map_by_a_gate():
  attention = van.LargeKernelAttention()
  x = jax.random.normal(jax.random.key(0), (2, 5, 4, 3))
  variables = trained.variables(attention, x)
  channels = variables['params']['channels']
  channels['kernel'] = jnp.zeros_like(channels['kernel'])
  np.testing.assert_allclose(
    attention.apply(variables, x), x * channels['bias'], atol=1e-6
  )


def test_a_layer_scale_of_zero_is_the_identity_and_none_has_no_parameters():
  x = jax.random.normal(jax.random.key(0), (2, 5, 4, 3))
  block = van.VAN(layer_scale=0.0)
  variables = jax.jit(block.init)(jax.random.key(0), x)
  np.testing.assert_array_equal(jax.jit(block.apply)(variables, x), x)
  plain = rewrite.abstract_variables(block.copy(layer_scale=None), (5, 4, 3))
  scales = {'branch_attend', 'branch_mlp'}
  assert plain['params'].keys() == variables['params'].keys() - scales
