"""Budgets: shares, multiples, thresholds over all groups; criteria."""

import numpy as np
import pytest

from effnas import errors
from effnas.compress import structured
from effnas.compress.structured import coupling

A, B = coupling.Group('a', 20, ()), coupling.Group('b', 10, ())
SCORES = {'a': np.arange(20.0), 'b': np.arange(10.0) + 15}


@pytest.mark.parametrize(
  ('sparsity', 'round_to', 'least', 'want'),
  [
    (0.0, 1, 1, (20, 10)),
    (0.5, 1, 1, (10, 5)),
    (0.5, 8, 1, (8, 8)),
    (0.99, 1, 1, (1, 1)),
    (0.99, 1, 3, (3, 3)),
    (0.75, 16, 1, (16, 10)),
  ],
)
def test_counts(sparsity, round_to, least, want):
  found = structured.counts([A, B], sparsity, round_to, least)
  assert tuple(found.values()) == want


@pytest.mark.parametrize('scope', ['group', 'global'])
def test_the_highest_scores_stay(scope):
  kept = structured.select([A, B], SCORES, 0.5, scope)
  for name, where in kept.items():
    assert SCORES[name][where].min() > SCORES[name][~where].max(initial=-1)
  number = {name: int(where.sum()) for name, where in kept.items()}
  assert (
    number
    == {
      'group': {'a': 10, 'b': 5},
      'global': {'a': 5, 'b': 10},
    }[scope]
  )


def test_a_global_threshold_leaves_something_of_each():
  kept = structured.select([A, B], SCORES, 0.95, 'global', least=2)
  assert {name: int(where.sum()) for name, where in kept.items()} == {
    'a': 2, 'b': 2,
  }  # fmt: skip


def test_groups_that_are_left_stay_whole():
  kept = structured.select([A, B], {'a': SCORES['a']}, 0.5, leave=['b'])
  assert kept['b'].all()
  assert kept['a'].sum() == 10


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'sparsity': 1.0}, r'a sparsity is in \[0, 1\); got 1.0'),
    ({'sparsity': -0.1}, r'a sparsity is in \[0, 1\)'),
    ({'sparsity': float('nan')}, r'a sparsity is in \[0, 1\)'),
    ({'round_to': 0}, 'round_to is at least 1; got 0'),
    ({'least': 0}, 'least is at least 1'),
    ({'leave': ['c']}, "unknown group 'c'"),
    ({'scope': 'layer'}, "unknown scope 'layer'"),
    ({'scores': {'a': SCORES['a']}}, r'b takes scores \[10\]'),
    ({'scores': {**SCORES, 'b': np.full(10, np.nan)}}, 'are not finite'),
  ],
)
def test_what_breaks_a_rule_is_told(change, message):
  given = {'scores': SCORES, 'sparsity': 0.5} | change
  with pytest.raises(errors.UserError, match=message):
    structured.select([A, B], **given)


def test_taylor_is_the_change_of_a_linear_loss():
  """Of a loss linear in each unit's weights, to first order is exact."""
  rng = np.random.default_rng(0)
  params = {'a': {'kernel': rng.normal(size=(3, 4))}}
  slopes = {'a': {'kernel': rng.normal(size=(3, 4))}}
  group = coupling.Group(
    'a', 4, (coupling.Member('params/a/kernel', 1, (0, 1, 2, 3)),)
  )
  loss = params['a']['kernel'] * slopes['a']['kernel']
  without = [np.delete(loss, unit, 1).sum() for unit in range(4)]
  np.testing.assert_allclose(
    structured.taylor(params, slopes, [group])['a'],
    (loss.sum() - without) ** 2,
  )


def test_scores_need_what_they_read():
  group = coupling.Group('a', 2, (coupling.Member('params/a/bias', 0, (0, 1)),))
  params = {'a': {'bias': np.ones(2)}}
  with pytest.raises(errors.UserError, match='no normalisation with a scale'):
    structured.norm_scale(params, [group])
  with pytest.raises(errors.UserError, match='order 1 or 2; got 3'):
    structured.magnitude(params, [group], 3)
