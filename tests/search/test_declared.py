"""Choices in a config: decisions of the space like any other."""

import json

import numpy as np
import pytest

from effnas import errors, space
from effnas.search import declared


def test_a_choice_stands_where_its_value_would():
  section = {
    'weights': {'oneof': [4, 8]},
    'patterns': {'stem/*': {'oneof': [8, 32]}, 'head': 8},
    'lr': {'loguniform': [1e-3, 1e-1]},
    'order': {'oneof': [['prune'], ['prune', 'quantize']]},
  }
  section = json.loads(json.dumps(section))
  choices = declared.found(section)
  assert 'head' not in choices['patterns']
  s = space.Space(declared.joined({'model': 1}, {'quant': choices}))
  assert s.decisions.keys() == {
    'quant.weights',
    'quant.patterns.stem/*',
    'quant.lr',
    'quant.order',
  }
  for seed in range(20):
    arch = s.sample(np.random.default_rng(seed))
    got = declared.merged(section, s.build(arch)['quant'])
    assert got['weights'] == arch['quant.weights'] in (4, 8)
    assert got['patterns'] == {
      'stem/*': arch['quant.patterns.stem/*'],
      'head': 8,
    }
    assert 1e-3 <= got['lr'] <= 1e-1
    assert tuple(got['order']) in (('prune',), ('prune', 'quantize'))


def test_a_config_without_choices_has_none():
  assert declared.found({'patterns': {'*': 8}, 'lr': 0.1, 'order': []}) == {}


def test_what_is_chosen_holds_for_its_key_alone():
  section = {'prune': {'sparsity': {'oneof': [0.5]}, 'epochs': 3}}
  chosen = {'prune': {'sparsity': 0.5}}
  assert declared.merged(section, chosen) == {
    'prune': {'sparsity': 0.5, 'epochs': 3}
  }
  assert section['prune']['sparsity'] == {'oneof': [0.5]}


@pytest.mark.parametrize(
  ('section', 'message'),
  [
    ({'bits': {'oneof': 4}}, r"lists its arguments, as {'oneof': \[4, 8\]}"),
    ({'lr': {'loguniform': [1e-3]}}, 'loguniform takes other arguments'),
    ({'lr': {'loguniform': [0, 1]}}, '0'),
    ({'bits': {'oneof': []}}, 'oneof'),
  ],
)
def test_bad_choices_are_one_line(section, message):
  with pytest.raises(errors.UserError, match=message) as found:
    declared.found(section)
  assert '\n' not in str(found.value)


def test_what_the_space_declares_is_not_declared_twice():
  tree = {'quant': {'weights': space.oneof(4, 8)}}
  with pytest.raises(errors.UserError, match=r'quant.weights is declared by'):
    declared.joined(tree, {'quant': {'weights': space.oneof(2, 3)}})
