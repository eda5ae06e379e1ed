"""`effnas footprint --layers`: the parts add up to the network."""

import json

import pytest


def _json(effnas, *argv):
  result = effnas('footprint', *argv, '--format=json')
  assert result.code == 0, result.err
  return json.loads(result.out)


@pytest.mark.parametrize('batch', [1, 3])
def test_parts_add_up(effnas, batch):
  found = _json(effnas, 'survey_cnn_025', '--layers', f'--batch={batch}')
  macs = found['metrics']['macs']
  assert sum(row['macs'] for row in found['layers']) == macs
  assert sum(row['macs'] for row in found['classes']) == batch * macs
  assert list(found['weight_bits']) == ['32']
  variables = sum(row['bytes'] for row in found['layers'])
  assert sum(found['weight_bits'].values()) == variables


def test_rules_change_the_bits_and_not_the_work(effnas):
  float_ = _json(effnas, 'survey_cnn_025', '--layers')
  narrow = _json(effnas, 'survey_cnn_025', '--layers', '--weights=4')
  assert narrow['classes'] == float_['classes']
  assert list(narrow['weight_bits']) == ['32', '4']
  # What was float but for scales is int4 now: an eighth.
  kept = narrow['weight_bits']['32']
  was = float_['weight_bits']['32']
  assert narrow['weight_bits']['4'] > (was - kept) / 8
  assert sum(narrow['weight_bits'].values()) < narrow['metrics']['size_bytes']


def test_the_table_has_a_total(effnas):
  out = effnas('footprint', 'survey_cnn_025', '--layers', '--batch=2').out
  _, _, classes = out.partition('By operation class, in float32, batch 2:')
  lines = [line.split() for line in classes.splitlines()]
  head, total = lines[2], next(w for w in lines if w[:1] == ['total'])
  assert head[:3] == ['class', 'MACs', 'ops']
  assert total[1:3] == ['26.1', 'M']  # 2 x 13,042,944
  assert ['weights', 'of', 'bytes'] in lines
  assert 'indices' not in classes


def test_indices_have_a_column_where_there_are_some(effnas):
  out = effnas('footprint', 'bert_tiny', '--layers', '--input=16').out
  assert 'indices' in out.partition('By operation class')[2]
