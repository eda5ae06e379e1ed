"""The gated network of the experiment scores as the cell's own network."""

import pathlib
import sys

import jax
import numpy as np
import pytest

from effnas.search import proxies
from effnas.search.proxies import naswot, zen
from effnas.zoo import nasbench201

_FOLDER = pathlib.Path(__file__).parents[3] / 'experiments' / 'nasbench201'
# Every operation, and a node that nothing reaches.
_CELL = (
  '|avg_pool_3x3~0|+|nor_conv_3x3~0|none~1|'
  '+|skip_connect~0|nor_conv_1x1~1|avg_pool_3x3~2|'
)


@pytest.fixture(scope='module')
def both():
  """The gated network and the cell's own, with the same weights."""
  sys.path.insert(0, str(_FOLDER))
  import gated

  sys.path.remove(str(_FOLDER))
  arch = nasbench201.arch({'arch_str': _CELL})
  net = gated.Gated(channels=4, depth=1)
  images = jax.random.normal(jax.random.key(0), (4, 8, 8, 3))
  variables = jax.jit(net.init)(jax.random.key(1), images)
  variables = {**variables, 'gates': {'cell': gated.gates(arch)}}
  own = nasbench201.nasbench201(_CELL, channels=4, depth=1)
  return (
    gated,
    arch,
    images,
    (net, variables),
    (own, gated.own(variables, arch)),
  )


def test_outputs_are_the_same(both):
  *_, images, first, second = both
  found = [
    jax.jit(lambda v, net=net: net.apply(v, images))(variables)
    for net, variables in (first, second)
  ]
  np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-6)
  assert jax.tree.structure(second[1]) == jax.tree.structure(
    jax.eval_shape(second[0].init, jax.random.key(0), images)
  )


@pytest.mark.slow
@pytest.mark.parametrize('name', ['grad_norm', 'snip', 'synflow', 'jacob_cov'])
def test_scores_are_the_same(both, name):
  images, labels, key = both[2], np.arange(4), jax.random.key(2)
  found = [proxies.load(name)(*one, images, labels, key) for one in both[3:]]
  assert found[0] == pytest.approx(found[1], rel=1e-3)


def test_codes_are_the_same_but_for_units_that_never_fire(both):
  gated, arch, images, first, second = both
  distances, _ = naswot.codes(*first, images)
  expected, units = naswot.codes(*second, images)
  np.testing.assert_array_equal(distances, expected)
  assert gated.units(first[0], arch, 8) == units


@pytest.mark.slow
def test_responses_are_the_same(both):
  gated, arch, images, (net, variables), (own, _) = both
  params = zen.gaussian(variables['params'], jax.random.key(3))
  variables = {**variables, 'params': params}
  args = (images, 0.01 * jax.random.normal(jax.random.key(4), images.shape))
  found = zen.response(net, variables, *args)
  expected = zen.response(own, gated.own(variables, arch), *args)
  assert found == pytest.approx(expected, rel=1e-3)
