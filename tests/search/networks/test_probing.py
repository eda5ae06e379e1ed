"""Archs that cannot be traced are told by name, before a search and in it."""

import pooled
import pytest
import small_training

from effnas import errors
from effnas import footprint as footprint_lib
from effnas.search.networks import network_trials, probing


def _problem(windows):
  return network_trials.problem(
    small_training.config(space='pooled:space', space_args={'windows': windows})
  )


# The first arch that is tried is that of 16, which is larger than the digits.
_WINDOWS = [[16, 2], [2, 16]]


@pytest.mark.parametrize('windows', _WINDOWS)
def test_one_arch_that_cannot_be_traced_stops_no_search(windows):
  problem = _problem(windows)
  assert problem.footprint({'model.window': 2})['params'] == 170
  words = r'the network of \{"model.window": 16\} cannot be traced: TypeError: '
  with pytest.raises(errors.UserError, match=words) as told:
    problem.footprint({'model.window': 16})
  assert '\n' not in str(told.value)


def test_archs_of_which_none_can_be_traced_are_one_line():
  with pytest.raises(errors.UserError) as told:
    _problem([16, 32])
  said = str(told.value)
  assert 'none of 2 archs of the space will do: the network of {"mod' in said
  assert '\n' not in said
  assert len(said) < 300


def test_what_is_wrong_with_all_alike_is_told_as_it_is():
  asked = []

  def check(arch):
    asked.append(arch['model.window'])
    raise errors.UserError('the batch is 0')

  with pytest.raises(errors.UserError, match=r'^the batch is 0$'):
    probing.probe(pooled.space((1, 2, 4)), check)
  assert set(asked) == {1, 2, 4}
  assert len(asked) == 3


def test_an_arch_of_many_is_named():
  archs = [{'model.window': 2}, {'model.window': 16}]
  with pytest.raises(errors.UserError, match=r'"model.window": 16\} cannot be'):
    footprint_lib.batch(pooled.space((2, 16)), archs, (8, 8, 1))
