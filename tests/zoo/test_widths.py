"""The width is one decision that all channels follow."""

import pytest

from effnas import errors
from effnas import space as sp
from effnas.zoo import widths


def test_what_does_not_vary_is_no_choice():
  by = widths.scaled((0.5, 1.0, 2.0))
  space = sp.Space(
    [by(lambda w: max(1280, 64 * w)), by(lambda w: 8 * w), by(lambda w: -w)]
  )
  assert list(space.decisions) == ['width']
  assert space.size == 3
  assert space.build({'width': 2.0}) == (1280, 16.0, -2.0)


def test_channels_are_multiples_of_eight_at_each_width():
  # The rule of MobileNets: down by no more than a tenth.
  by = widths.scaled((0.35, 0.75, 1, 1.3))
  assert widths.features(by, 24).options == (8, 24, 24, 32)


def test_whole_and_listed_widths_are_the_same_decision():
  # As configs give them, which have no tuples.
  choice = widths.scaled([1, 2])(lambda w: 3 * w)
  assert choice.describe() == {'kind': 'oneof', 'options': [1.0, 2.0]}
  for one in ([2], 2):
    assert widths.scaled(one)(lambda w: 3 * w) == 6


@pytest.mark.parametrize('width', [0, -1.0, (), (0.5, 0), '1.0', ['a'], None])
def test_other_widths_are_refused(width):
  with pytest.raises(errors.UserError, match='width is a number above 0'):
    widths.scaled(width)


def test_one_width_twice_is_refused():
  with pytest.raises(errors.UserError, match=r'1\.0 stands twice'):
    widths.scaled((1, 1.0, 2))(lambda w: w)
