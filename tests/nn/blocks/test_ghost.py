"""Ghosts are cheap copies of what the primary convolution gives."""

import formula
import jax
import numpy as np
import pytest
import trained

from effnas import footprint
from effnas.nn import layers, rewrite
from effnas.nn.blocks import ghost

X = jax.random.normal(jax.random.key(0), (2, 5, 4, 6))


def _part(variables, name):
  return {k: v[name] for k, v in variables.items()}


def test_the_first_channels_are_the_primary_convolution():
  module = ghost.GhostModule(features=8, kernel=3, stride=2)
  variables = trained.variables(module, X)
  primary = layers.ConvNorm(4, kernel=3, stride=2, act=jax.nn.relu)
  np.testing.assert_allclose(
    module.apply(variables, X)[..., :4],
    primary.apply(_part(variables, 'primary'), X),
    atol=1e-6,
  )


# With 7 channels in thirds, 3 are primary, and of 6 ghosts 4 are kept.
@pytest.mark.parametrize(('features', 'ratio'), [(8, 2), (7, 2), (7, 3)])
def test_each_ghost_sees_one_primary_channel(features, ratio):
  module = ghost.GhostModule(features=features, ratio=ratio, act=None)
  variables = trained.variables(module, X)
  y = module.apply(variables, X)
  assert y.shape == (2, 5, 4, features)
  primary = -(-features // ratio)
  cheap = layers.ConvNorm(primary * (ratio - 1), kernel=3, depthwise=True)

  def ghosts(x):
    return cheap.apply(_part(variables, 'ghosts'), x)

  kept = features - primary
  np.testing.assert_allclose(
    y[..., primary:], ghosts(y[..., :primary])[..., :kept], atol=1e-5
  )
  of = trained.seen(lambda x: ghosts(x).sum((0, 1, 2)), y[..., :primary])
  of = of.any((1, 2, 3))
  for i in range(primary * (ratio - 1)):
    assert np.flatnonzero(of[i]).tolist() == [i // (ratio - 1)]


@pytest.mark.parametrize('ratio', [1, 2, 3, 5])
def test_any_ratio_costs_what_the_docstrings_say(ratio):
  for block in (
    ghost.GhostModule(7, ratio=ratio, kernel=3, cheap=5),
    ghost.GhostBottleneck(7, 2, ratio=ratio, se=True),
  ):
    y = tuple(-(-n // block.stride) for n in (9, 6)) + (7,)
    cost = formula.of(block, (9, 6, 5), y)['MACs']
    assert footprint.measure(block, (9, 6, 5))['macs'] == cost > 0


def test_the_bottleneck_convolves_depthwise_only_where_strided():
  def parts(**fields):
    block = ghost.GhostBottleneck(**fields)
    return set(rewrite.abstract_variables(block, (8, 8, 4))['params'])

  modules = {'ghost_expand', 'ghost_project'}
  shortcut = {'shortcut_depthwise', 'shortcut_pointwise'}
  assert parts() == modules
  assert parts(features=6) == modules | shortcut
  assert parts(stride=2) == modules | shortcut | {'depthwise'}
