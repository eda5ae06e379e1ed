"""Values of a config against the signature that they are for."""

from collections.abc import Mapping, Sequence
import functools
from typing import Any, Literal

import numpy as np
import pytest

from effnas import arguments, errors


def declared(
  count: arguments.Count = 1,
  share: arguments.Share = 0.5,
  decay: arguments.Decay = 0.5,
  counts: arguments.Counts = (1,),
  pair: tuple[arguments.Positive, float] = (1.0, 2.0),
  several: arguments.Counts | None = None,
  one_or_more: arguments.Positive | arguments.Positives = 1.0,
  named: Mapping[str, int] | None = None,
  dtype: Literal['float32', 'bfloat16'] = 'float32',
  path: str | None = None,
  flag: bool = False,
  plain: int = 3,
  real: float = 1.0,
  unset: int = None,  # type: ignore[assignment]  # noqa: RUF013
  free: Any = None,
  untold=3,
):
  del count


@pytest.mark.parametrize(
  ('key', 'fits'),
  [
    ('count', [1, 2**31 - 1, np.int64(3)]),
    ('share', [0, 1, 0.5, np.float32(0.5)]),
    ('decay', [0, 0.999]),
    ('counts', [[1], (2, 3)]),
    ('pair', [[1, 2.5], (1e-3, -1)]),
    ('several', [None, [1, 2]]),
    ('one_or_more', [2, 0.5, [0.5, 1]]),
    ('named', [None, {}, {'a': 1}]),
    ('dtype', ['bfloat16']),
    ('path', [None, '', 'a/b']),
    ('flag', [True, False]),
    ('plain', [-5, 0, 2**63 - 1]),
    ('real', [-1, 1e300, 3]),
    ('unset', [None, 3]),  # the default always fits
    ('free', [None, 'a', [[]], float('nan')]),
    ('untold', [None, 'a', {}]),
    ('count', [object(), np.ones(3)]),  # what no config can hold
    ('no_argument', ['a']),
  ],
)
def test_what_fits_passes(key, fits):
  for value in fits:
    arguments.values(declared, {key: value})


@pytest.mark.parametrize(
  ('key', 'value', 'said'),
  [
    ('count', True, 'whole number of at least 1, got True'),
    ('count', 1.0, 'whole number of at least 1, got 1.0'),
    ('count', 0, 'whole number of at least 1, got 0'),
    ('count', None, 'whole number of at least 1, got None'),
    ('count', 10**20, 'whole number of at most 2147483647, got 10'),
    ('share', 1.5, 'a number from 0 to 1, got 1.5'),
    ('share', float('nan'), 'a number from 0 to 1, got nan'),
    ('share', '0.5', "a number from 0 to 1, got '0.5'"),
    ('decay', 1, 'a number from 0 to less than 1, got 1'),
    ('counts', [], r'a list of at least 1, got \[\]'),
    ('counts', 3, 'a list of at least 1, got 3'),
    ('counts', 'nan', "a list of at least 1, got 'nan'"),
    ('counts', [1, -1], r'counts\[1\] must be a whole number of at least 1'),
    ('pair', None, 'a list of 2, got None'),
    ('pair', [1], r'a list of 2, got \[1\]'),
    ('pair', [0, 1], r'pair\[0\] must be a number above 0, got 0'),
    ('several', {}, 'a list of at least 1 or null, got {}'),
    ('several', ['a'], r'several\[0\] must be a whole number'),
    ('one_or_more', 0, 'a number above 0 or a list of at least 1, got 0'),
    ('named', [], r'settings by name or null, got \[\]'),
    ('named', {'a': 1.5}, r'named\.a must be a whole number, got 1\.5'),
    ('dtype', 'float31', "unknown dtype 'float31'; did you mean 'float32'"),
    ('dtype', 32, "'float32' or 'bfloat16', got 32"),
    ('path', 3, 'a text or null, got 3'),
    ('flag', 1, 'true or false, got 1'),
    ('plain', 2**63, 'a whole number, got 9223372036854775808'),
    ('real', float('inf'), 'a number, got inf'),
    ('real', 10**400, 'a number, got 1'),
    ('path', ['x' * 500], r'a text or null, got .{,60}$'),
  ],
)
def test_what_does_not_fit_is_one_line(key, value, said):
  with pytest.raises(errors.UserError, match=said) as caught:
    arguments.values(declared, {key: value})
  assert '\n' not in str(caught.value)
  assert len(str(caught.value)) < 300


def test_a_number_too_long_to_be_shown_is_one_line():
  with pytest.raises(errors.UserError, match='got a int that cannot be shown'):
    arguments.values(declared, {'count': 10**5000})


def test_partials_and_classes_have_signatures_too():
  class Made:
    def __init__(self, size: arguments.Count = 1):
      self.size = size

  for function in (functools.partial(declared, share=0.1), Made):
    key = 'size' if function is Made else 'count'
    arguments.values(function, {key: 2})
    with pytest.raises(errors.UserError, match=f'x.{key} must be'):
      arguments.values(function, {key: 0}, 'x.')


def test_annotations_that_cannot_be_read_check_nothing():
  def theirs(size: 'NoSuchName' = 3):  # noqa: F821
    return size

  arguments.values(theirs, {'size': 'a'})
  arguments.values(len, {'obj': 'a'})


def test_plain_numbers_count_and_share():
  def halve(problem, *, eta: int = 3, share: float = 0.5, to: Sequence = ()):
    return problem

  arguments.check(halve, {'eta': 2, 'share': 1, 'to': []}, 'scheduler', 'halve')
  for args, said in [
    ({'eta': 0}, r'halve\.eta must be a whole number of at least 1, got 0'),
    ({'share': 2}, r'halve\.share must be a number from 0 to 1, got 2'),
    ({'problem': 1}, "unknown argument of scheduler halve 'problem'"),
    (None, 'arguments of scheduler halve must be settings by name, got None'),
    ([], 'arguments of scheduler halve must be settings by name'),
  ]:
    with pytest.raises(errors.UserError, match=said):
      arguments.check(halve, args, 'scheduler', 'halve')


def test_what_a_called_function_raises_is_one_line():
  class Silent(Exception):
    def __str__(self):
      raise RuntimeError('no text')

  def theirs(how):
    raise how

  for how, said in [
    (ValueError('a\nb'), 'ValueError: a b'),
    (Silent(), r"the space 'mine' with .*: Silent$"),
    (RecursionError('x' * 900), r'RecursionError: x+\.\.\.$'),
  ]:
    with pytest.raises(errors.UserError, match=said) as caught:
      arguments.called(theirs, {'how': how}, "the space 'mine'")
    assert '\n' not in str(caught.value)
    assert len(str(caught.value)) <= 300
  with pytest.raises(errors.MachineError, match='No space left'):
    arguments.called(theirs, {'how': OSError(28, 'No space left')}, 'it')
