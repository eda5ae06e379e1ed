import dataclasses
import inspect
import json

import pytest

from effnas import data, errors, search, train
from effnas.cli import config
from effnas.search import plain
from effnas.train import optim


def _load(*argv):
  rest, overrides = config.split(argv)
  assert rest == []
  return config.load('tiny.py', overrides)


def test_a_config_is_plain_json():
  found = _load()
  assert found == json.loads(json.dumps(found))
  assert found['search']['objectives'] == ['accuracy', 'latency_ms@tpu_v5e']


def test_a_variant_reaches_get_config():
  assert config.load('tiny.py:long')['train']['epochs'] == 3


@pytest.mark.parametrize(
  ('argv', 'section', 'key', 'value'),
  [
    (('--config.search.trials=4',), 'search', 'trials', 4),
    (('--config.search.trials', '4'), 'search', 'trials', 4),
    (('-config.search.trials=4',), 'search', 'trials', 4),
    (('--config.search.asynchronous',), 'search', 'asynchronous', True),
    (('--noconfig.search.asynchronous',), 'search', 'asynchronous', False),
    (('--config.search.asynchronous=true',), 'search', 'asynchronous', True),
    (
      ("--config.search.objectives=('accuracy','size_bytes')",),
      'search',
      'objectives',
      ['accuracy', 'size_bytes'],
    ),
    (('--config.search.objectives=loss',), 'search', 'objectives', ['loss']),
    (('--config.data.path=some/where',), 'data', 'path', 'some/where'),
    (('--config.data.limit=None',), 'data', 'limit', None),
    (('--config.data.limit=null',), 'data', 'limit', None),
    (('--config.optim.clip=1e-1',), 'optim', 'clip', 0.1),
    (('--config.optim.clip', '-0.5'), 'optim', 'clip', -0.5),
    (('--config.data.path=3',), 'data', 'path', 3),
    (("--config.data.path=('a', 'b')",), 'data', 'path', ['a', 'b']),
    (('--config.optim.name=sgd',), 'optim', 'name', 'sgd'),
    (("--config.space_args={'classes': 3}",), 'space_args', 'classes', 3),
    (
      ('--config.quant.patterns.nowhere/*=2',),
      'quant',
      'patterns',
      {'Dense_0': 4, 'nowhere/*': 2},
    ),
    (
      ("--config.quant.patterns={'*_1': 8}",),
      'quant',
      'patterns',
      {'*_1': 8},
    ),
    (
      ('--config.search.constraints.latency_ms@a100=0.5',),
      'search',
      'constraints',
      {'size_bytes': 100_000, 'latency_ms@a100': 0.5},
    ),
  ],
)
def test_overrides_reach_the_config_and_nothing_else(argv, section, key, value):
  found, before = _load(*argv), _load()
  assert found[section][key] == value
  assert type(found[section][key]) is type(value)
  before[section][key] = value
  assert found == before


def test_the_last_override_holds():
  found = _load('--config.search.trials=4', '--config.search.trials=5')
  assert found['search']['trials'] == 5


@pytest.mark.parametrize(
  ('word', 'expected'),
  [
    (
      '--config.search.trails=4',
      "unknown config key 'search.trails'; did you mean 'search.trials'",
    ),
    ('--config.serch=4', "did you mean 'search'"),
    ('--config.search.trials=four', 'trials'),
    ('--config.search.trials=4.5', 'trials'),
    ('--config.search.asynchronous=perhaps', 'asynchronous'),
    ('--config.search=4', 'not a dict'),
    ("--config.data={'limit': 3}", 'the config lacks data.name'),
  ],
)
def test_overrides_that_do_not_fit(word, expected):
  with pytest.raises(errors.UserError, match=r'.') as raised:
    _load(word)
  assert expected in str(raised.value)


@pytest.mark.parametrize(
  ('text', 'expected'),
  [
    ('x = 1', 'no function get_config'),
    ('def get_config(:', 'failed in line 1: SyntaxError'),
    ('\ndef get_config():\n  return 1 / 0', 'failed in line 3: ZeroDivision'),
    ('def get_config(): return None', 'it returned None'),
    ('def get_config(): return {}', "no section 'space'"),
    ('def get_config(): return {"optim": {"f": print}}', 'value optim.f is'),
    ('def get_config(): return {"a": float("nan")}', 'value a is'),
    ('import nowhere', 'ModuleNotFoundError'),
    ('import sys\nsys.exit(4)', 'failed in line 2: SystemExit: 4'),
    ('def get_config():\n  raise SystemExit', 'failed in line 2: SystemExit'),
  ],
)
def test_files_that_give_no_config(tmp_path, text, expected):
  (tmp_path / 'bad.py').write_text(text)
  with pytest.raises(errors.UserError) as raised:
    config.load(str(tmp_path / 'bad.py'))
  assert expected in str(raised.value)


def test_files_that_are_not_there():
  with pytest.raises(errors.UserError, match=r"no config file 'nowhere\.py'"):
    config.load('nowhere.py:smoke')
  with pytest.raises(errors.UserError, match='No such file'):
    config.load('nowhere.json')


@pytest.mark.parametrize(
  ('change', 'expected'),
  [
    ({'serch': {}}, "unknown config section 'serch'; did you mean 'search'"),
    ({'space': {}}, r'config\.space must be a name'),
    ({'optim': 3}, r'config\.optim must be a mapping'),
    ({'footprint': {'targets': []}}, r'lacks footprint\.batch'),
    ({'footprint': {'targets': [], 'batch': 1}}, r'lacks footprint\.compile'),
    (
      {'footprint': {'targets': [], 'batch': 1, 'compile': [], 'bach': 2}},
      "'bach'; did you mean 'batch'",
    ),
  ],
)
def test_sections_are_checked(tmp_path, change, expected):
  file = tmp_path / 'config.json'
  file.write_text(json.dumps(_load() | change))
  with pytest.raises(errors.UserError, match=expected):
    config.load(str(file))


def test_the_config_json_of_a_run_is_a_config(tmp_path):
  file = tmp_path / 'config.json'
  notes = {'space_description': {'size': 3}, 'arch': {'a': 1}}
  file.write_text(json.dumps(_load() | notes))
  assert config.load(str(file)) == _load()


def test_what_a_config_leaves_out_can_be_overridden():
  whole = _load('--config.search.warm_start=runs/other')
  assert whole['search']['warm_start'] == 'runs/other'
  assert 'warm_start' not in _load()['search']


def test_further_settings_have_the_defaults_of_the_code():
  defaults = {
    f'search.{f.name}': f.default
    if f.default is not dataclasses.MISSING
    else f.default_factory()
    for f in dataclasses.fields(search.Settings)
    if f.name != 'objectives'
  }
  # What a candidate takes beside the arguments of a function.
  defaults |= dict.fromkeys(('train.init', 'train.pretrain', 'train.distill'))
  # Of single data sets: images, and arrays.
  defaults |= dict.fromkeys(('data.bits', 'data.layout'))
  functions = {'train': train.fit, 'optim': optim.make, 'data': data.load}
  for key in set(config.FURTHER) - set(defaults):
    section, _, name = key.partition('.')
    parameters = inspect.signature(functions[section]).parameters
    defaults[key] = parameters[name].default
  assert plain.plain(config.FURTHER) == plain.plain(defaults)


def test_a_nul_in_a_value_is_one_line(effnas, tmp_path):
  said = effnas('search', '--config=tiny.py', r"--config.data.path='a\0b'").said
  assert r"the config value data.path holds a NUL: 'a\x00b'" in said
