"""Properties that hold in every space, on random spaces."""

import json

import hypothesis
from hypothesis import strategies as st
import numpy as np
import pytest

from effnas import errors
from effnas import space as sp

_SETTINGS = hypothesis.settings(
  max_examples=200, deadline=None, derandomize=True, database=None
)
# One name is one decision, so each has one definition.
_NAMED = {
  'kernel': lambda: sp.oneof(3, 5, name='kernel'),
  'depth': lambda: sp.oneof(0, 1, 2, name='depth'),
  'op': lambda: sp.oneof(
    'skip', {'w': sp.oneof(1, 2)}, sp.oneof('p', 'q'), name='op'
  ),
}


def _named(*names):
  return st.sampled_from(names).map(lambda name: _NAMED[name]())


def _choices(inner):
  options = st.lists(inner, min_size=1, max_size=3)
  return options.map(lambda some: sp.oneof(*[{'o': one} for one in some]))


_times = st.one_of(
  st.integers(0, 2),
  st.builds(lambda: sp.oneof(0, 2)),
  st.builds(lambda: sp.intrange(1, 3)),
  _named('depth'),
)


def _spaces(numbers):
  """Lists of trees, as a tree alone is too often without a choice."""
  leaves = st.one_of(
    st.sampled_from([7, 'fixed', True, None]),
    st.builds(lambda: sp.oneof('a', 'b', 'c')),
    st.builds(lambda: sp.oneof(True, 1, 1.0, (1,), [1])),
    _named(*_NAMED),
    *numbers,
  )
  trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
      st.lists(inner, max_size=3),
      st.dictionaries(st.sampled_from('xyz'), inner, max_size=3),
      _choices(inner),
      st.builds(sp.repeat, inner, _times, st.booleans()),
      st.builds(lambda body: sp.lazy(dict, body=body), inner),
    ),
    max_leaves=8,
  )
  return st.lists(trees, min_size=2, max_size=4).map(sp.Space)


_DISCRETE = _spaces([st.builds(lambda: sp.intrange(2, 8, 3))])
_ANY = _spaces(
  [
    st.builds(lambda: sp.intrange(2, 8, 3)),
    st.builds(lambda: sp.uniform(-1, 2)),
    st.builds(lambda: sp.loguniform(1e-4, 1e-1)),
  ]
)


@_SETTINGS
@hypothesis.given(_ANY, st.integers(0, 99))
def test_all_that_is_drawn_is_valid(space, seed):
  rng = np.random.default_rng(seed)
  a, b = space.sample(rng), space.sample(rng)
  space.check(a)
  child = space.crossover(a, b, rng)
  space.check(child)
  for key, value in child.items():
    if key in a or key in b:
      assert value in (a.get(key), b.get(key))
  if space.size > 1:
    space.check(space.mutate(a, rng))


@_SETTINGS
@hypothesis.given(_ANY, st.integers(0, 99))
def test_json_round_trip(space, seed):
  arch = space.sample(np.random.default_rng(seed))
  again = json.loads(json.dumps(arch, allow_nan=False))
  assert again == arch
  assert list(again) == list(arch)
  assert [type(v) for v in again.values()] == [type(v) for v in arch.values()]
  space.check(again)
  assert repr(space.build(again)) == repr(space.build(arch))


@_SETTINGS
@hypothesis.given(_ANY, st.integers(0, 99))
def test_the_builder_builds_the_same(space, seed):
  rng = np.random.default_rng(seed)
  build = space.builder()
  for _ in range(3):
    arch = space.sample(rng)
    assert repr(build(arch)) == repr(space.build(arch))


@_SETTINGS
@hypothesis.given(_ANY, st.integers(0, 99))
def test_mutate_changes_exactly_one(space, seed):
  rng = np.random.default_rng(seed)
  arch = space.sample(rng)
  if space.size == 1:
    with pytest.raises(errors.UserError, match='single arch'):
      space.mutate(arch, rng)
    return
  new = space.mutate(arch, rng)
  kept = [key for key in arch if key in new]
  changed = [
    key
    for key in kept
    if (type(arch[key]), arch[key]) != (type(new[key]), new[key])
  ]
  assert len(changed) == 1
  space.check(new)


@_SETTINGS
@hypothesis.given(_DISCRETE)
def test_size_is_the_length_of_the_grid(space):
  hypothesis.assume(space.size < 3000)
  archs = list(space.grid())
  # repr tells True, 1 and 1.0 apart.
  assert len({repr(sorted(arch.items())) for arch in archs}) == len(archs)
  assert len(archs) == space.size
  for arch in archs[:50]:
    space.check(arch)


@_SETTINGS
@hypothesis.given(_ANY, st.integers(0, 99))
def test_encode_decode(space, seed):
  rng = np.random.default_rng(seed)
  arch = space.sample(rng)
  vector = space.encode(arch)
  assert vector.dtype == np.float64
  assert vector.shape == space.encode(space.sample(rng)).shape
  again = space.decode(vector)
  assert list(again) == list(arch)
  for key, value in arch.items():
    if space.decisions[key].continuous:
      assert again[key] == pytest.approx(value)
    else:
      assert (type(again[key]), again[key]) == (type(value), value)
  wild = rng.standard_normal(vector.shape) * 9
  wild[rng.random(vector.shape) < 0.2] = np.nan
  wild[rng.random(vector.shape) < 0.1] = np.inf
  space.check(space.decode(wild))


@_SETTINGS
@hypothesis.given(_ANY, st.integers(0, 99))
def test_describe_tells_what_is_active(space, seed):
  described = json.loads(json.dumps(space.describe(), allow_nan=False))
  assert described == space.describe()
  arch = space.sample(np.random.default_rng(seed))
  active = [
    d['key']
    for d in described['decisions']
    if d['when'] is None
    or any(
      all(key in arch and arch[key] in values for key, values in when.items())
      for when in d['when']
    )
  ]
  assert set(active) == set(arch)
  assert str(space).count('\n') == len(described['decisions'])
