"""A run goes on with the data that it began with, in every command."""

import json

import numpy as np
import pytest

from effnas import data, errors, strategy
from effnas.cli import progress
from effnas.cli.commands import compress as compress_command
from effnas.search.networks import candidate, made_with, training


@pytest.fixture
def file(tmp_path):
  return tmp_path / 'data.npz'


@pytest.fixture
def write(file):
  """Writes the data, with labels counted on by some."""

  def put(shift=0):
    part = data.load('digits', limit=200).train
    np.savez(file, x=part.x, y=(part.y + shift) % 10)
    for cached in (candidate._load_data, made_with._data):
      cached.cache_clear()  # as another process would begin

  return put


@pytest.fixture
def command(effnas, file, tmp_path):
  def run(name, *argv, config='tiny.py:long'):
    return effnas(
      name,
      f'--config={config}',
      f'--workdir={tmp_path}/{name}',
      '--config.data.name=arrays',
      '--config.data.limit=None',
      f'--config.data.path={file}',
      *argv,
    )

  return run


def record(path):
  return json.loads((path / 'identity.json').read_text())


def test_a_training_that_was_cut_off_and_what_came_of_it(
  command, effnas, write, tmp_path, monkeypatch
):
  float_ = ('--config.quant.weights=32', '--config.quant.patterns=None')
  argv = ('--config.train.checkpoint_every=1', *float_)

  def killed(self, done, told=''):
    if done == 2:
      raise KeyboardInterrupt

  write()
  with monkeypatch.context() as patch:
    patch.setattr(progress.Progress, 'update', killed)
    assert command('train', *argv).code == 130
  write(1)
  said = command('train', *argv).said
  assert said.startswith('effnas: data.test ')
  assert '; data.train ' in said
  assert 'was made with other data' in said
  write()
  assert command('train', *argv).code == 0
  before = record(tmp_path / 'train')
  assert before['changes'] == []
  # It is finished, and still not a run of other data.
  write(1)
  assert 'other data' in command('train', *argv).said
  again = command('train', *argv, '--accept_changes')
  assert 'nothing to do' in again.err
  after = record(tmp_path / 'train')
  assert after['made_with'] == before['made_with']
  assert {change['name'] for change in after['changes']} == {
    'data.train',
    'data.valid',
    'data.test',
  }
  # Nor is it quantized on other data without a word.
  quantize = ('quantize', f'--workdir={tmp_path}/train', '--weights=8')
  assert 'other data' in effnas(*quantize).said

  def stop(*args, **kwargs):
    raise errors.UserError('it went on')

  monkeypatch.setattr(strategy, 'post_training', stop)
  result = effnas(*quantize, '--accept_changes')
  assert 'it went on' in result.err
  assert len(record(tmp_path / 'train')['changes']) == 6
  config = json.loads((tmp_path / 'train' / 'config.json').read_text())
  config['space_description']['decisions'][0]['key'] = 'model.width'
  (tmp_path / 'train' / 'config.json').write_text(json.dumps(config))
  assert 'another space: space_description' in effnas(*quantize).said


def test_a_compression(command, write, tmp_path, monkeypatch):
  def cut(config, arch, folder, trained):
    (folder / 'steps').mkdir(exist_ok=True)
    (folder / 'steps' / 'weights').touch()  # an empty folder is no work
    raise KeyboardInterrupt

  monkeypatch.setattr(compress_command, '_compress', cut)
  write()
  assert command('compress', config='tiny.py:compress').code == 130
  assert command('compress', config='tiny.py:compress').code == 130
  write(1)
  assert 'other data' in command('compress', config='tiny.py:compress').said
  argv = ('compress', '--accept_changes')
  assert command(*argv, config='tiny.py:compress').code == 130
  changes = record(tmp_path / 'compress')['changes']
  assert {change['from_trial'] for change in changes} == {None}
  assert command('compress', config='tiny.py:compress').code == 130


def test_a_search(command, write, monkeypatch):
  """Its first trial is done, the next one is not."""
  quality = {'accuracy': 0.5, 'loss': 1.0}
  monkeypatch.setattr(training, 'fit', lambda *_: dict(quality))
  monkeypatch.setattr(training, 'test_weights', lambda *_: dict(quality))
  write()
  argv = ('search', '--config.search.sampler=grid')
  assert command(*argv, '--config.search.trials=1').code == 0
  write(1)
  said = command(*argv).said
  assert said.startswith('effnas: data.test ')
  assert 'was made with other data' in said
  assert '--accept_changes' in said
