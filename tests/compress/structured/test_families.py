"""Every family of the zoo: without units as under their mask."""

import jax
import numpy as np
import pytest

from effnas import quant, zoo
from effnas.compress import structured
from effnas.nn import rewrite

# One of each kind of coupling; the others are slow tests.
_QUICK = ('decoder', 'mobilenet_v2', 'regnet', 'shufflenet_v2')
# What is left alone: attention of a single head, whose channels are scaled by
# their number.
_LEFT = {
  'deit': ['encoders_0/attend/qkv', 'encoders_1/attend/qkv'],
  'hw_gpt': ['layer_0/attend/qkv'],
}


def _params(name):
  marks = () if name in _QUICK else pytest.mark.slow
  return pytest.param(name, marks=marks)


def _shapes(variables):
  return jax.tree.map(np.shape, variables)


@pytest.mark.parametrize('name', [_params(name) for name in zoo.miniatures()])
def test_a_family_without_units_is_that_under_their_mask(name, draw, halve):
  network = zoo.miniatures()[name]
  net, given = network.build(), (network.input_shape, network.input_dtype)
  variables, x = draw(net, *given)
  groups = structured.groups(net, *given)
  assert list(structured.left(net, *given)) == _LEFT.get(name, [])
  kept = halve(groups)
  small, few = structured.remove(net, variables, groups, kept, *given)
  want = jax.jit(net.apply)(structured.mask(variables, groups, kept), x)
  got = jax.jit(small.apply)(few, x)
  np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())
  whole = jax.jit(net.apply)(variables, x)
  assert np.abs(whole - want).max() > 0.01 * np.abs(whole).max()
  assert _shapes(rewrite.abstract_variables(small, *given)) == _shapes(few)
  number = [
    sum(leaf.size for leaf in jax.tree.leaves(v['params']))
    for v in (variables, few)
  ]
  assert number[1] < 0.95 * number[0]


def test_a_smaller_network_converts_to_what_it_was_trained_as(draw, halve):
  network = zoo.miniatures()['mobilenet_v3']  # a chain in a field
  net, given = network.build(), (network.input_shape, network.input_dtype)
  variables, x = draw(net, *given)
  groups = structured.groups(net, *given)
  small, few = structured.remove(net, variables, groups, halve(groups), *given)
  ruled = rewrite.Rewritten(small, quant.rules(8))
  served, integer = quant.convert(ruled, few, *given)
  kernels = [
    leaf.dtype for leaf in jax.tree.leaves(integer['params']) if leaf.ndim > 1
  ]
  assert set(kernels) == {np.dtype('int8')}
  want = jax.jit(ruled.apply)(few, x)
  np.testing.assert_array_equal(jax.jit(served.apply)(integer, x), want)


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize(
  'name',
  [pytest.param(name, marks=pytest.mark.slow) for name in zoo.miniatures()],
)
def test_any_number_of_units_may_be_left(name, seed):
  network = zoo.miniatures()[name]
  net, given = network.build(), (network.input_shape, network.input_dtype)
  groups = structured.groups(net, *given)
  rng = np.random.default_rng(seed)
  counts = {
    group.name: int(rng.integers(1, group.size + 1)) for group in groups
  }
  small, shapes = structured.shrink(net, groups, counts, *given)
  again = rewrite.abstract_variables(small, *given)
  assert _shapes(again) == _shapes(shapes)
