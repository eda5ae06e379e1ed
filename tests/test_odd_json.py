"""JSON of others: too deep, of another shape, or none; one line each time."""

import json
import types

import numpy as np
import pytest

from effnas import errors, files, report
from effnas.cli import config as config_lib
from effnas.cli import listed
from effnas.cli import request as request_lib
from effnas.footprint import tables, weights
from effnas.footprint.latency import cost_model
from effnas.search import plain
from effnas.search.networks import teaching
from effnas.search.proposing import earlier

_DEEP = 5000
_TEXTS = {
  'deep list': '[' * _DEEP + ']' * _DEEP,
  'deep object': '{"a": ' * _DEEP + '1' + '}' * _DEEP,
  'a few hundred deep': '{"a": ' * 300 + '1' + '}' * 300,
  'list': '[]',
  'null': 'null',
  'number': '3',
  'NaN': '{"search": NaN}',
  'torn': '{"search": {',
  'other': '{"search": 3, "data": [], "space_args": 1}',
  'nothing': '',
}


def _train_takes(folder):
  data = types.SimpleNamespace(input_shape=(8, 8, 1), kind='image')
  teaching.teacher({'workdir': str(folder)}, data)


_READERS = {
  'config': lambda folder: config_lib.load(str(folder / 'config.json')),
  'report': report.read,
  'teacher': _train_takes,
  'device': lambda folder: cost_model.load(str(folder / 'config.json')),
  'table': lambda folder: tables.read(str(folder / 'config.json')),
  'archs': lambda folder: listed.read(str(folder / 'archs'), 'hybrid'),
}


@pytest.mark.parametrize('reader', _READERS)
@pytest.mark.parametrize('text', _TEXTS)
def test_what_a_reader_cannot_take_is_one_line(reader, text, tmp_path):
  for name in ('config.json', 'archs'):
    (tmp_path / name).write_text(_TEXTS[text])
  (tmp_path / 'trials.jsonl').write_text('')
  if reader == 'archs' and text in ('NaN', 'torn', 'other', 'nothing'):
    pytest.skip('a line is an object, and no line is no arch')
  with pytest.raises(errors.UserError) as caught:
    _READERS[reader](tmp_path)
  assert '\n' not in str(caught.value)
  assert len(str(caught.value)) < 400


@pytest.mark.parametrize('text', ['[]', 'null', '{"space_description": [1]}'])
def test_a_warm_start_of_an_edited_config_says_what_differs(text, tmp_path):
  other = tmp_path / 'other'
  other.mkdir()
  (other / 'config.json').write_text(text)
  events = [
    {'event': 'proposed', 'trial': 0, 'arch': {'a': 1}, 'footprint': {}},
    {'event': 'done', 'trial': 0, 'metrics': {'accuracy': 0.5}},
  ]
  lines = [json.dumps({**event, 'time': 1.0}) for event in events]
  (other / 'trials.jsonl').write_text('\n'.join(lines) + '\n')

  def refuse(arch):
    raise errors.UserError('no arch')

  space = types.SimpleNamespace(
    check=refuse, describe=lambda: {'decisions': [{'key': 'b'}]}
  )
  problem = types.SimpleNamespace(space=space, objectives=['accuracy'], soft={})
  with pytest.raises(errors.UserError, match='is a point of this space'):
    earlier.load(other, tmp_path, problem)


def test_a_flag_of_deep_json_is_one_line():
  flag = types.SimpleNamespace(value='{"a": ' * _DEEP + '1' + '}' * _DEEP)
  asked = request_lib.Request('space', [], {'args': flag}, [])
  with pytest.raises(errors.UserError, match='--args is no JSON: nested too'):
    asked.json('args')


@pytest.mark.parametrize(
  'header',
  [
    '[' * _DEEP + ']' * _DEEP,
    '{"__metadata__": {"packed": "' + '[' * _DEEP + '"}}',
    '{"__metadata__": {"packed": "[]"}, "a/b": 3}',
  ],
)
def test_weights_with_an_odd_header_are_one_line(header):
  text = header.encode()
  with pytest.raises(errors.UserError, match='not a weights file'):
    weights.deserialize(len(text).to_bytes(8, 'little') + text)


def test_a_hundred_levels_are_read():
  assert files.parse('[' * 100 + ']' * 100)
  with pytest.raises(ValueError, match='nested too deep'):
    files.parse('[' * 101 + ']' * 101)


def test_values_that_are_deep_or_hold_themselves_are_no_json(tmp_path):
  deep: list = []
  for _ in range(100_000):
    deep = [deep]
  own: dict = {}
  own['own'] = own
  for value in (deep, own):
    with pytest.raises(TypeError, match='nested too deep'):
      plain.plain(value)
  with pytest.raises(errors.UserError, match='nested too deep'):
    files.write_json(tmp_path / 'a.json', deep)
  assert list(tmp_path.iterdir()) == []


def test_a_config_that_holds_itself_is_one_line(tmp_path):
  file = tmp_path / 'own.py'
  file.write_text(
    'def get_config():\n  own = {}\n  own["own"] = own\n  return own\n'
  )
  with pytest.raises(errors.UserError, match='nested too deep'):
    config_lib.load(str(file))


@pytest.mark.parametrize('text', ['a,b\n1,2,3\n', 'a,b\n1\n', 'a\n1,"2\n3'])
def test_a_ragged_table_is_one_line(text, tmp_path):
  file = tmp_path / 't.csv'
  file.write_text(text)
  with pytest.raises(errors.UserError, match=r'more or fewer|end of data'):
    tables.read(str(file))


def test_rows_of_a_json_table_have_the_same_columns(tmp_path):
  file = tmp_path / 't.json'
  file.write_text('{"a": {"ms": 1}, "b": {"s": 1}}')
  with pytest.raises(errors.UserError, match='row 1 has other columns'):
    tables.read(str(file))


@pytest.mark.parametrize(
  'value', ['1e308', 1e308, 'x', None, [], 10**400, 'inf']
)
def test_numbers_that_cannot_be_reckoned_with(value):
  with pytest.raises(ValueError, match='no finite number'):
    tables.number(value)
  assert np.isclose(tables.number('1e-300'), 1e-300)
