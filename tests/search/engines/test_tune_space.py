"""A space and Tune's form of it are two words for one thing."""

import collections

from hypothesis import given, settings
from hypothesis import strategies as st
import mixed_search
import numpy as np
import pytest
from ray.tune.search import variant_generator

from effnas import errors
from effnas import space as space_lib
from effnas.search import plain
from effnas.search.engines.ray import space as tune_space


def drawn(space, count, seed=0):
  """Configs that Tune itself draws, NumPy's numbers and all."""
  rng, domains = np.random.RandomState(seed), tune_space.converted(space)
  for _ in range(count):
    variants = variant_generator.generate_variants(domains, random_state=rng)
    ((_, config),) = variants
    yield config


@st.composite
def spaces(draw):
  leaf = st.one_of(
    st.lists(
      st.one_of(st.integers(-3, 3), st.booleans(), st.none(), st.text('a/b.')),
      min_size=1,
      max_size=4,
      unique_by=lambda v: (type(v), v),
    ).map(lambda options: space_lib.oneof(*options)),
    st.tuples(st.integers(-9, 9), st.integers(0, 5), st.integers(1, 4)).map(
      lambda t: space_lib.intrange(t[0], t[0] + t[1] * t[2], t[2])
    ),
    st.sampled_from(
      [
        lambda: space_lib.uniform(-1, 2),
        lambda: space_lib.loguniform(1e-3, 10),
        lambda: space_lib.oneof(max, min, (1, 2)),
      ]
    ).map(lambda make: make()),
  )
  names = st.text('abc', min_size=1, max_size=2)
  inner = st.dictionaries(names, leaf, min_size=1, max_size=2)
  nested = st.lists(inner, min_size=2, max_size=2).map(
    lambda options: space_lib.oneof(*options)
  )
  tree = st.dictionaries(names, st.one_of(leaf, nested), min_size=1, max_size=3)
  return space_lib.Space(draw(tree))


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 99))
def test_what_tune_draws_is_an_arch_and_comes_back_as_it_was(space, seed):
  for config in drawn(space, 3, seed):
    arch = tune_space.arch(space, config)
    space.check(arch)
    assert plain.plain(arch) == arch
    again = tune_space.config(space, arch)
    assert again.keys() == config.keys()
    assert plain.key(tune_space.arch(space, again)) == plain.key(arch)


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 99))
def test_every_arch_has_a_config(space, seed):
  arch = space.sample(np.random.default_rng(seed))
  found = tune_space.arch(space, tune_space.config(space, arch))
  assert plain.key(found) == plain.key(arch)


def test_tune_draws_as_the_space_does():
  """Options and steps as often, and ranges in the same quarters."""
  space, count = mixed_search.mixed(), 3000
  rng = np.random.default_rng(1)
  ours = [space.sample(rng) for _ in range(count)]
  theirs = [tune_space.arch(space, c) for c in drawn(space, count)]
  for key, choice in space.decisions.items():
    if choice.continuous:
      shares = [
        np.histogram(
          [choice.to_unit(a[key]) for a in archs if key in a], 4, (0, 1)
        )[0]
        / count
        for archs in (ours, theirs)
      ]
      np.testing.assert_allclose(*shares, atol=0.04)
      continue
    a, b = (
      collections.Counter(repr(arch.get(key)) for arch in archs)
      for archs in (ours, theirs)
    )
    assert a.keys() == b.keys()
    assert {repr(value) for value in choice.values()} <= b.keys()
    assert all(abs(a[v] - b[v]) < 0.04 * count for v in a)


def test_a_value_outside_of_its_domain_is_told():
  space = space_lib.Space({'width': space_lib.intrange(8, 64, 8)})
  with pytest.raises(errors.UserError, match="proposed 72 for 'width'"):
    tune_space.arch(space, {'width': 8})
  with pytest.raises(errors.UserError, match="no value for 'width'"):
    tune_space.arch(space, {})
