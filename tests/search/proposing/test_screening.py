import dataclasses
import logging

import mixed_search

from effnas import space as sp
from effnas.search.proposing import screening

_SPACE = sp.Space({'a': sp.oneof(1, 2, 3)})


def _problem(most):
  def footprint(arch):
    if arch['a'] == 2:
      raise ZeroDivisionError('no such network')
    return {'params': 10 * arch['a']}

  made = mixed_search.problem(_SPACE, ('accuracy',), {'params': most})
  return dataclasses.replace(made, footprint=footprint)


def test_what_cannot_be_counted_is_let_through_and_the_log_says_why(caplog):
  caplog.set_level(logging.INFO)
  found = [screening.allowed(_problem(15), {'a': a}) for a in (1, 2, 3)]
  assert found == [True, True, False]
  assert "{'a': 2}: ZeroDivisionError: no such network" in caplog.text
  assert screening.footprint(_problem(15), {'a': 2}) is None


def test_the_first_new_one_within_the_constraints_is_found_in_so_many():
  archs = [{'a': 3}, {'a': 3}, {'a': 1}]
  assert screening.first_new(_problem(15), archs, set()) == {'a': 1}
  assert screening.first_new(_problem(15), archs, set(), most=2) is None
  known = {screening.plain.key({'a': 1})}
  assert screening.first_new(_problem(15), archs, known) is None
