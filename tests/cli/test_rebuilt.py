"""What a workdir holds is rebuilt, or refused: by every command alike."""

import json

import numpy as np
import pytest

from effnas import errors
from effnas.cli import config as config_lib
from effnas.recipe import artefact
from effnas.search.networks import candidate, rebuilt, training

_STEPS = {
  'deep': ('prune', 'quantize', 'encode'),
  'global': ('prune', 'encode'),
  'small': ('remove', 'factor'),
  'narrow': ('remove',),
}
_SETTINGS = {
  'deep': {
    'prune': {'sparsity': 0.5, 'thin': 0},
    'quantize': {'weights': 4},
    'encode': {},
  },
  'global': {
    'prune': {'sparsity': 0.5, 'thin': 0, 'budget': 'global'},
    'encode': {},
  },
  'small': {'remove': {'sparsity': 0.5}, 'factor': {'rank': 2}},
  'narrow': {'remove': {'sparsity': 0.5}},
}


@pytest.fixture
def made(monkeypatch):
  """The networks that runs write, as they were at writing."""
  seen = []
  write = training.artefact.write

  def kept(network, path):
    seen.append(network)
    write(network, path)

  monkeypatch.setattr(training.artefact, 'write', kept)
  return seen


@pytest.fixture
def compressed(effnas, tmp_path):
  def run(kind):
    folder = tmp_path / kind
    config = json.loads(json.dumps(config_lib.load('tiny.py:compress')))
    config['compress'] = {'order': _STEPS[kind], **_SETTINGS[kind]}
    file = tmp_path / 'config.json'
    file.write_text(json.dumps(config))
    result = effnas('compress', f'--config={file}', f'--workdir={folder}')
    assert result.code == 0, result.err
    return folder

  return run


def _same_logits(network, workdir, trial=None):
  found = rebuilt.load(workdir, trial)
  dataset = candidate.load_data(rebuilt.of_run(workdir, trial).config)
  x = dataset.prepare(dataset.test.x[:16])
  logits = [one.net.apply(one.variables, x) for one in (network, found)]
  np.testing.assert_array_equal(*map(np.asarray, logits))
  assert float(np.abs(logits[0]).max()) < 1e3


@pytest.mark.parametrize('kind', ['deep', 'global', 'small'])
def test_compress_leaves_what_can_be_rebuilt(kind, compressed, made):
  folder = compressed(kind)
  _same_logits(made[-1], folder)


@pytest.mark.parametrize('command', ['search', 'train'])
def test_search_and_train_leave_what_can_be_rebuilt(
  command, effnas, tmp_path, made
):
  order = "('quantize',)" if command == 'train' else '()'
  argv = (f'--config.compress.order={order}', '--config.search.trials=1')
  result = effnas(
    command, '--config=tiny.py:compress', f'--workdir={tmp_path}/run', *argv
  )
  assert result.code == 0, result.err
  _same_logits(made[-1], tmp_path / 'run', 0 if command == 'search' else None)


def test_every_command_takes_the_config_of_a_compress_run(
  compressed, effnas, tmp_path
):
  """With the run's arch and weights: help says so."""
  folder = compressed('deep')
  config = f'--config={folder}/config.json'
  weights = f'{folder}/weights.safetensors'
  arch = rebuilt.of_run(folder).arch
  # As a teacher, stored forms decoded.
  result = effnas(
    'train',
    config,
    f'--workdir={tmp_path}/student',
    '--config.compress.order=()',
    f"--config.train.distill={{'teacher': '{folder}'}}",
    '--format=json',
  )
  assert result.code == 0, result.err
  assert json.loads(result.out)['arch'] == arch
  result = effnas('compress', config, f'--workdir={folder}')
  assert 'nothing to do' in result.err
  result = effnas('footprint', config, f'--init={weights}', '--format=json')
  assert result.code == 0, result.err
  found = json.loads(result.out)
  assert f'the arch of {folder}/config.json' in found['network']
  rows = json.loads((folder / 'compress.json').read_text())['rows']
  assert found['metrics']['macs'] == rows[-1]['footprint']['macs']
  said = effnas('quantize', config, f'--init={weights}').said
  assert 'is an integer network already' in said
  said = effnas('quantize', f'--workdir={folder}').said
  assert 'is an integer network already' in said


def test_a_smaller_network_of_a_run_is_quantized(compressed, effnas):
  said = effnas('quantize', f'--workdir={compressed("small")}').said
  assert "name 'quantize' behind 'factor'" in said
  folder = compressed('narrow')
  argv = (f'--workdir={folder}', '--weights=8', '--format=json')
  result = effnas('quantize', *argv)
  assert result.code == 0, result.err
  rows = json.loads((folder / 'compress.json').read_text())['rows']
  float_ = json.loads(result.out)['networks'][0]
  assert float_['accuracy'] == rows[-1]['quality']['accuracy']


def test_what_trained_values_decided_cannot_be_rebuilt(compressed, tmp_path):
  folder = compressed('global')
  config = json.loads((folder / 'config.json').read_text())
  config['compress'] = {'order': ['factor'], 'factor': {'energy': 0.9}}
  (folder / 'config.json').write_text(json.dumps(config))
  with pytest.raises(errors.UserError, match="the step 'factor'") as told:
    rebuilt.load(folder)
  assert str(told.value).count('\n') == 0
  config['compress'] = {'order': ['quantize'], 'quantize': {'weights': 8}}
  (folder / 'config.json').write_text(json.dumps(config))
  with pytest.raises(errors.UserError, match='do not fit their run: '):
    rebuilt.load(folder)


def test_codes_are_no_weights_of_a_float_network(compressed):
  folder = compressed('deep')
  run = rebuilt.of_run(folder)
  net = candidate.build(run.config, run.arch).net
  variables = artefact.read(run.weights)
  with pytest.raises(errors.UserError, match='of a converted network'):
    net.apply(variables, np.zeros((1, 8, 8, 1), np.float32))
