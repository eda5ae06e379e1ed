"""Building many archs: the same trees, their equal parts one object."""

import gc
import re
import weakref

from flax import linen
import numpy as np
import pytest

from effnas import errors, zoo
from effnas import space as sp


class Net(linen.Module):
  layers: tuple
  head: linen.Module


def _layer():
  return linen.Dense(sp.oneof(8, 16), use_bias=sp.oneof(False, True))


@pytest.mark.parametrize('name', zoo.spaces())
def test_the_builder_builds_what_build_builds(name):
  space = sp.load(zoo.spaces()[name])
  build, rng = space.builder(), np.random.default_rng(0)
  for _ in range(20):
    arch = space.sample(rng)
    assert build(arch) == space.build(arch)


def test_equal_parts_are_one_object_and_others_are_not():
  space = sp.Space(Net(sp.repeat(_layer(), sp.oneof(1, 2)), linen.Dense(3)))
  build = space.builder()
  arch = {'layers.times': 2} | {
    f'layers.{i}.{field}': value
    for i in range(2)
    for field, value in (('features', 8), ('use_bias', True))
  }
  one, again = build(arch), build(dict(arch))
  assert one is again
  changed = build(arch | {'layers.1.features': 16})
  assert changed.layers[0] is one.layers[0]
  assert changed.layers[1] is not one.layers[1]
  # Layers of one network never share parameters, however equal they are.
  assert one.layers[0] == one.layers[1]
  assert one.layers[0] is not one.layers[1]


def test_one_declared_instance_stays_one_in_any_space():
  for options in (2, 5000):  # what is remembered, and what is not
    shared = linen.Dense(sp.oneof(*range(1, options + 1), name='n'))
    build = sp.Space(Net((shared, shared), linen.Dense(3))).builder()
    for features in (1, 2):
      a, b = build({'n': features}).layers
      assert a is b
      assert a.features == features


def test_what_hardly_comes_again_is_forgotten():
  build = sp.Space(linen.Dense(sp.oneof(*range(1, 5000)))).builder()
  first = weakref.ref(build({'features': 1}))
  build({'features': 2})
  gc.collect()
  assert first() is None


def test_true_one_and_one_half_are_different_values():
  build = sp.Space([sp.oneof(True, 1, 1.0), sp.uniform(0, 1)]).builder()
  for value in (True, 1, 1.0):
    built, half = build({'0': value, '1': 0.5})
    assert type(built) is type(value)
    assert half == 0.5


@pytest.mark.parametrize(
  'arch',
  [
    {},
    {'layers.times': 1},
    {'layers.times': 3},
    {'layers.times': True, 'layers.0.features': 8},
    {'layers.times': 1, 'layers.0.features': [8], 'layers.0.use_bias': True},
    {'layers.times': 1, 'layers.0.features': 9, 'layers.0.use_bias': True},
    {
      'layers.times': 1,
      'layers.0.features': 8,
      'layers.0.use_bias': True,
      'layers.1.features': 8,
    },
    {'layer': 1},
    None,
    [1],
  ],
)
def test_what_is_wrong_is_told_as_by_build(arch):
  space = sp.Space(Net(sp.repeat(_layer(), sp.oneof(1, 2)), linen.Dense(3)))
  with pytest.raises(errors.UserError) as told:
    space.build(arch)
  with pytest.raises(errors.UserError, match=re.escape(str(told.value))):
    space.builder()(arch)
