"""Residual blocks: their shortcuts, their groups, their orders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trained

from effnas import errors
from effnas.nn import rewrite
from effnas.nn.blocks import residual

BLOCKS = residual.variants()


def _x(*shape):
  return jax.random.normal(jax.random.key(0), shape)


def _silenced(variables, last):
  """Lets the branch be zero, by the normalisation or convolution at its end."""

  def silence(path, leaf):
    names = [k.key for k in path]
    end = last in names and names[-1] in ('scale', 'bias', 'kernel')
    return jnp.zeros_like(leaf) if end else leaf

  return jax.tree.map_with_path(silence, variables)


LAST = {
  'resnet_basic': 'conv_2',
  'resnet_bottleneck': 'conv_3',
  'regnet_y': 'conv_3',
}


@pytest.mark.parametrize('name', LAST)
def test_without_its_branch_a_block_is_its_activation(name):
  x = _x(2, 5, 4, 8)
  variables = _silenced(trained.variables(BLOCKS[name], x), LAST[name])
  y = jax.jit(BLOCKS[name].apply)(variables, x)
  np.testing.assert_array_equal(y, jax.nn.relu(x))


def test_without_its_branch_a_pre_activation_block_is_the_identity():
  block, x = BLOCKS['resnet_pre_activation'], _x(2, 5, 4, 8)
  variables = _silenced(trained.variables(block, x), 'conv_2')
  np.testing.assert_array_equal(jax.jit(block.apply)(variables, x), x)


@pytest.mark.parametrize('name', BLOCKS)
@pytest.mark.parametrize(
  ('features', 'stride', 'there'),
  [(0, 1, False), (16, 1, False), (24, 1, True), (0, 2, True)],
)
def test_the_shortcut_has_weights_where_the_map_changes(
  name, features, stride, there
):
  block = BLOCKS[name].copy(features=features, stride=stride)
  params = rewrite.abstract_variables(block, (6, 6, 16))['params']
  assert ('shortcut' in params) == there


def test_pre_activation_starts_both_ways_from_the_activated_input():
  block, x = residual.PreActivation(features=12, stride=2), _x(1, 6, 6, 8)
  variables = _silenced(trained.variables(block, x), 'conv_2')
  params = variables['params']
  norm, state = params['norm_1']['batch'], variables['batch_stats']['norm_1']
  y = (x - state['batch']['mean']) / jnp.sqrt(state['batch']['var'] + 1e-5)
  y = jax.nn.relu(y * norm['scale'] + norm['bias'])
  expected = y[:, ::2, ::2] @ params['shortcut']['kernel'][0, 0]
  np.testing.assert_allclose(
    jax.jit(block.apply)(variables, x), expected, atol=1e-5
  )


def test_a_bottleneck_strides_in_its_middle():
  # Each pixel is seen; a stride of the first convolution would skip three
  # quarters.
  block = residual.Bottleneck(features=8, stride=2, act=jax.nn.silu)
  x = _x(1, 4, 4, 8)
  variables = trained.variables(block, x)
  gradient = jax.jit(
    jax.grad(lambda x: jnp.sum(jnp.sin(block.apply(variables, x))))
  )(x)
  assert (jnp.abs(gradient).max(-1) > 0).all()


def test_channels_of_other_groups_are_not_seen():
  block = residual.Bottleneck(features=16, ratio=1, group_width=4)
  params = rewrite.abstract_variables(block, (6, 6, 16))['params']
  assert params['conv_2']['conv']['kernel'].shape == (3, 3, 4, 16)


def test_groups_that_do_not_divide_are_refused():
  block = residual.Bottleneck(features=24, ratio=1, group_width=16)
  with pytest.raises(errors.UserError, match='got 16 and 24'):
    rewrite.abstract_variables(block, (6, 6, 16))


def test_regnet_squeezes_to_a_quarter_of_what_entered():
  block = BLOCKS['regnet_y'].copy(features=56, stride=2)
  params = rewrite.abstract_variables(block, (8, 8, 24))['params']
  reduce = params['squeeze_excite']['reduce']['kernel']
  assert reduce.shape == (56, 6)
