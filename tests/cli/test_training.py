"""`effnas footprint --training`: the library's figures, and their formulas."""

import inspect
import json

import pytest

from effnas import footprint, zoo
from effnas.cli import training
from effnas.footprint import utilisation

NET = 'survey_cnn_025'
WHOLE = {'batch': 8, 'examples': 100, 'epochs': 2.5, 'accelerators': 4}
GREEN = {'pue': 1.1, 'grid': 429, 'power_watts': 300}


def _training(effnas, settings, *argv):
  result = effnas(
    'footprint',
    NET,
    f'--training={json.dumps(settings)}',
    '--format=json',
    *argv,
  )
  assert result.code == 0, result.err
  return json.loads(result.out)['training']


def _library(**arguments):
  network = zoo.load(NET)
  return footprint.training(network.build(), network.input_shape, **arguments)


@pytest.mark.parametrize(
  'settings',
  [
    {'batch': 8},
    {**WHOLE, **GREEN, 'optimizer_slots': 1},
    {'batch': 8, 'rematerialise': True, 'float_format': 'bfloat16'},
  ],
)
def test_the_figures_are_the_library_s(effnas, settings):
  found = _training(effnas, settings, '--target=a100,tpu_v3:128,a100_gpt')
  assert found['metrics'] == pytest.approx(
    _library(**settings, targets=['a100', 'tpu_v3']), rel=1e-12
  )
  assert found['formulas'].keys() == found['metrics'].keys()
  assert found['settings'].items() >= settings.items()


def test_formulas_hold(effnas):
  found = _training(effnas, WHOLE | GREEN, '--target=a100')
  metrics, formulas = found['metrics'], found['formulas']
  steps = 2.5 * 4  # ceil(100 / (8 x 4))
  said = '2.5 x ceil(100 / (8 x 4)) steps x 4'
  assert metrics['train_macs'] == metrics['train_step_macs'] * steps * 4
  assert formulas['train_macs'] == f'MACs of a step x {said}'
  hours = metrics['train_step_ms@a100'] * steps * 4 / 3.6e6
  assert metrics['accelerator_hours@a100'] == pytest.approx(hours)
  assert formulas['accelerator_hours@a100'] == f'time of a step x {said}'
  co2e = hours * 0.3 * 1.1 * 0.429
  assert metrics['kg_co2e@a100'] == pytest.approx(co2e)
  assert formulas['kg_co2e@a100'] == 'hours x 300 W x PUE 1.1 x 429 g / kWh'


def test_a_utilisation_takes_the_place_of_the_roofline(effnas):
  found = _training(effnas, {'batch': 8, 'utilisation': 0.4}, '--target=a100')
  wanted = _library(batch=8, targets=['a100'], latency=utilisation.at(0.4))
  assert found['metrics'] == pytest.approx(wanted, rel=1e-12)
  said = found['formulas']['train_step_ms@a100']
  assert said == '40% of the peak rate, bfloat16, batch 8'


def test_the_batch_may_be_that_of_everything(effnas):
  found = _training(effnas, {}, '--batch=8')
  assert found == _training(effnas, {'batch': 8})
  assert _training(effnas, {'batch': 4}, '--batch=8')['settings']['batch'] == 4


def test_rules_do_not_train(effnas):
  bits = ('--weights=8', '--activations=8')
  plain = _training(effnas, {'batch': 8})
  assert _training(effnas, {'batch': 8}, *bits) == plain
  said = effnas('footprint', NET, '--training={"batch": 8}', *bits).err
  assert 'training: of the float network' in said


def test_the_table_has_formulas(effnas):
  settings = json.dumps(WHOLE | {'pue': 1.1, 'grid': 429})
  out = effnas('footprint', NET, '--target=a100', f'--training={settings}').out
  lines = {line.split('   ')[0]: line for line in out.splitlines()}
  assert 'formula' in lines['training']
  assert ' h ' in lines['accelerator-hours on a100']
  assert ' kg ' in lines['CO2e on a100']
  assert 'greatest published power' in lines['CO2e on a100']
  assert lines['the same by the usual rule'].endswith('3 x MACs x batch 8')


def test_every_setting_of_the_library_is_taught(effnas):
  supplied = {'net', 'input_shape', 'input_dtype', 'targets', 'latency'}
  known = {*inspect.signature(footprint.training).parameters} - supplied
  told = ' '.join(effnas('footprint', '--help').out.split())
  told = told.partition('one. Keys: ')[2].partition('.')[0]
  assert {*told.split(', ')} == known | {'utilisation'}
  assert known | {'utilisation'} == {*training.known()}


@pytest.mark.parametrize(
  ('text', 'expected'),
  [
    ('{"epoch": 3}', "setting of --training 'epoch'; did you mean 'epochs'"),
    ('{"batch": 8, "targets": []}', "setting of --training 'targets'"),
    ('{"examples": 3}', 'needs the batch of a step'),
    ('{"batch": "8"}', '--training: batch is a whole number; got "8"'),
    ('{"batch": 8.5}', 'batch is a whole number; got 8.5'),
    ('{"batch": true}', 'batch is a whole number; got true'),
    ('{"batch": 8, "rematerialise": 1}', 'rematerialise is true or false'),
    ('{"batch": 8, "float_format": "fp8"}', "unknown float format 'fp8'"),
    ('{"batch": 8, "grid": NaN}', 'NaN is no JSON number'),
    ('{"batch": 8, "grid": 400}', 'kg CO2e needs the PUE'),
    ('{"batch": 8, "epochs": 2}', 'by examples and epochs together'),
    ('{"batch": 8, "utilisation": 2}', 'at most 1; got 2'),
    ('{"batch": 0}', 'batch 0'),
    ('{"batch": null}', 'batch is a whole number; got null'),
    ('[]', '--training'),
    ('{', 'is no JSON'),
  ],
)
def test_bad_settings_are_one_line(effnas, text, expected):
  assert expected in effnas('footprint', NET, f'--training={text}').said
