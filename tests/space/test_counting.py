import math
import time

import pytest

from effnas import errors
from effnas import space as sp


def test_independent_choices_multiply():
  tree = [sp.oneof(*range(10)) for _ in range(40)] + [sp.intrange(1, 10**9)]
  assert sp.Space(tree).size == 10**49  # exact, far beyond float64's integers


def test_ties_count_once():
  kernel = sp.oneof(3, 5, 7, name='kernel')
  assert sp.Space([kernel] * 20).size == 3
  # Tied inside of alternatives: 3 + 3 + 1 where the kernel stands in two.
  op = sp.oneof({'a': kernel}, {'b': kernel, 'c': sp.oneof(1, 2)}, 'skip')
  assert sp.Space(op).size == 3 + 3 * 2 + 1
  # With one more place outside, every alternative has it.
  assert sp.Space([kernel, op]).size == 3 * (1 + 2 + 1)


def test_a_tie_between_two_alternatives():
  def op(i):
    return sp.oneof('skip', (sp.oneof(3, 5, name='kernel'), i))

  # Both skip: 1; otherwise (3 ways) the kernel is active: 2.
  assert sp.Space([op(0), op(1)]).size == 1 + 3 * 2


def test_many_ties_are_counted_fast():
  names = [f'w{i}' for i in range(24)]
  there = [sp.oneof(1, 2, 3, name=name) for name in names]
  started = time.perf_counter()
  # As in a U-Net: every width on the way down stands again on the way up.
  assert sp.Space([there, there[::-1]]).size == 3**24
  stages = [
    sp.repeat(
      {'e': sp.oneof(3, 4, 6), 'k': sp.oneof(3, 5, 7), 's': sp.oneof(0, 1)},
      sp.oneof(1, 2, 3),
      shared=True,
    )
    for _ in range(7)
  ]
  assert sp.Space(stages).size == (3 * 18) ** 7
  assert time.perf_counter() - started < 5


def test_continuous_spaces():
  space = sp.Space({'lr': sp.loguniform(1e-4, 1e-2), 'b': sp.oneof(4, 8)})
  assert space.size == math.inf
  with pytest.raises(errors.UserError, match=r"'lr' is continuous.*points="):
    space.grid()
  archs = list(space.grid(points=3))
  assert len(archs) == 6
  assert [a['lr'] for a in archs[::2]] == pytest.approx([1e-4, 1e-3, 1e-2])
  assert next(space.grid(points=1))['lr'] == pytest.approx(1e-3)
  with pytest.raises(errors.UserError, match='points >= 1'):
    space.grid(points=0)


def test_a_space_without_choices_has_one_arch():
  space = sp.Space({'a': [1, 2]})
  assert space.size == 1
  assert list(space.grid()) == [{}]
  assert space.build({})['a'] == (1, 2)
  assert space.encode({}).shape == (0,)
