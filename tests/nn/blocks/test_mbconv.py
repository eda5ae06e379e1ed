"""MBConv: its published widths, its shortcut."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trained

from effnas.nn import rewrite
from effnas.nn.blocks import fused_mbconv, mbconv, mixconv

# Blocks that end in the convolution 'project' and have MBConv's shortcut.
INVERTED = {
  'mbconv': mbconv.MBConv(expand=2),
  'fused': fused_mbconv.FusedMBConv(expand=2),
  'mixconv': mixconv.MixConv(expand=2),
}


def _silenced(variables):
  """Lets the branch be zero, by the last normalisation."""

  def silence(path, leaf):
    names = [k.key for k in path]
    last = 'project' in names and names[-1] in ('scale', 'bias')
    return jnp.zeros_like(leaf) if last else leaf

  return jax.tree.map_with_path(silence, variables)


@pytest.mark.parametrize('name', INVERTED)
def test_the_shortcut_is_there_where_nothing_changes(name):
  x = jax.random.normal(jax.random.key(0), (2, 5, 4, 8))

  def run(x, **fields):
    block = INVERTED[name].copy(**fields)
    variables = _silenced(trained.variables(block, x))
    return jax.jit(block.apply)(variables, x)

  np.testing.assert_array_equal(run(x), x)
  assert not run(x, features=12).any()
  # One pixel stays one pixel; the published blocks have no shortcut then.
  assert not run(x[:, :1, :1], stride=2).any()


def test_mobilenet_v3_squeezes_to_a_quarter_in_eighths():
  # From 40 channels to 120, 30 of which would be a quarter.
  block = mbconv.variants()['mobilenet_v3'].copy(expand=3, kernel=5)
  params = rewrite.abstract_variables(block, (14, 14, 40))['params']
  assert params['se']['reduce']['kernel'].shape == (120, 32)


def test_efficientnet_squeezes_to_a_quarter_of_what_entered():
  block = mbconv.variants()['efficientnet']
  params = rewrite.abstract_variables(block, (14, 14, 40))['params']
  assert params['se']['reduce']['kernel'].shape == (240, 10)


def test_an_expansion_of_one_is_left_out():
  block = mbconv.MBConv(expand=1)
  params = rewrite.abstract_variables(block, (8, 8, 4))['params']
  assert params.keys() == {'depthwise', 'project'}
