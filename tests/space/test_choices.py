import json

import numpy as np
import pytest

from effnas import errors
from effnas import space as sp


@pytest.mark.parametrize(
  ('declare', 'said'),
  [
    (sp.oneof, 'needs options'),
    (lambda: sp.oneof(3, 5, 3), '3 stands twice'),
    (lambda: sp.oneof([3, 5]), r'oneof\(\*options\)'),
    (lambda: sp.oneof(3, 5, name=''), 'name'),
    (lambda: sp.oneof(3, 5, labels=['a']), '2 options, 1 labels'),
    (lambda: sp.oneof(3, 5, labels=['a', 'a']), "'a' stands twice"),
    (lambda: sp.oneof(3, 5, labels=[None, 5]), 'a label is a string or a nu'),
    (lambda: sp.oneof(3, 5, labels=['', 5]), 'a label is a string or a number'),
    (lambda: sp.oneof(3, 5, labels=[True, 2]), 'a label is a string or a numb'),
    (lambda: sp.intrange(3, 1), 'low <= high'),
    (lambda: sp.intrange(1, 3, 0), 'step >= 1'),
    (lambda: sp.intrange(1, 10, 2), 'high=9 or high=11'),
    (lambda: sp.intrange(1.0, 3), 'must be an integer'),
    (lambda: sp.uniform(1, 1), 'low < high'),
    (lambda: sp.uniform(0, float('inf')), 'finite'),
    (lambda: sp.loguniform(0, 1), 'low > 0'),
    (lambda: sp.repeat(1, -1), 'whole number'),
    (lambda: sp.repeat(1, sp.oneof(1, True)), 'whole number'),
    (lambda: sp.repeat(1, sp.uniform(0, 1)), 'whole number'),
  ],
)
def test_bad_declarations_are_refused_in_one_line(declare, said):
  with pytest.raises(errors.UserError, match=said) as caught:
    declare()
  assert '\n' not in str(caught.value)


def test_true_and_one_are_different_options():
  space = sp.Space(sp.oneof(True, 1, 1.0, 'True'))
  built = [space.build(arch) for arch in space.grid()]
  assert [(type(v), v) for v in built] == [
    (bool, True),
    (int, 1),
    (float, 1.0),
    (str, 'True'),
  ]
  with pytest.raises(errors.UserError, match=r'oneof\(1, 2\)'):
    sp.Space({'a': sp.oneof(1, 2)}).check({'a': True})


def test_numpy_scalars_become_json():
  space = sp.Space({'a': sp.oneof(*np.arange(3)), 'b': sp.oneof(*np.ones(1))})
  arch = space.sample(np.random.default_rng(0))
  assert json.loads(json.dumps(arch)) == arch
  assert type(space.build(arch)['a']) is int


def test_options_are_drawn_evenly():
  rng = np.random.default_rng(0)
  choice = sp.oneof('a', 'b', 'c', 'd')
  drawn = [choice.sample(rng) for _ in range(4000)]
  counts = np.array([drawn.count(label) for label in choice.labels])
  np.testing.assert_allclose(counts, 1000, atol=120)  # 4 standard deviations


def test_loguniform_is_even_in_the_logarithm():
  rng = np.random.default_rng(0)
  choice = sp.loguniform(1e-4, 1.0)
  drawn = np.array([choice.sample(rng) for _ in range(4000)])
  assert drawn.min() >= 1e-4
  assert drawn.max() <= 1
  assert np.mean(drawn < 1e-2) == pytest.approx(0.5, abs=0.035)


def test_ranges_include_both_ends():
  assert list(sp.intrange(8, 32, 8).values()) == [8, 16, 24, 32]
  rng = np.random.default_rng(0)
  choice = sp.intrange(1, 3)
  assert {choice.sample(rng) for _ in range(50)} == {1, 2, 3}
  space = sp.Space({'lr': sp.loguniform(1e-4, 1e-1), 'p': sp.uniform(0, 0.5)})
  space.check({'lr': 1e-4, 'p': 0.5})
  for bad in ({'lr': 2e-1, 'p': 0.5}, {'lr': 1e-4, 'p': -1e-9}):
    with pytest.raises(errors.UserError, match='uniform'):
      space.check(bad)


def test_other_is_never_the_same():
  rng = np.random.default_rng(0)
  for choice in (sp.oneof(True, 1), sp.intrange(0, 1), sp.uniform(0, 1)):
    for _ in range(20):
      value = choice.sample(rng)
      new = choice.other(value, rng)
      assert (type(new), new) != (type(value), value)
      assert choice.holds(new)


def test_readable():
  assert repr(sp.oneof(3, 'a', max, name='k')) == "oneof(3, 'a', max, name='k')"
  assert repr(sp.oneof(*range(64))) == 'oneof(0, 1, 2, ..., 63)'
  assert repr(sp.intrange(8, 32, 8)) == 'intrange(8, 32, step=8)'
  assert repr(sp.loguniform(1e-4, 1, name='lr')) == (
    "loguniform(0.0001, 1.0, name='lr')"
  )
