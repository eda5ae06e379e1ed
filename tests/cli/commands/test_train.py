import json

import numpy as np
import pytest

from effnas import errors
from effnas import train as train_lib
from effnas.cli import progress
from effnas.cli.commands import train as command
from effnas.footprint import weights
from effnas.search.networks import training

_ARCH = {'model.features': 4, 'model.act': 'relu', 'optim.lr': 0.005}


@pytest.fixture
def train(effnas, tmp_path):
  def run(*argv, config='tiny.py'):
    return effnas(
      'train', f'--config={config}', f'--workdir={tmp_path}/run', *argv
    )

  return run


def test_train_resume_and_refuse(train, effnas, tmp_path):
  result = train('--seed=1', '--format=json')
  assert result.code == 0, result.err
  found = json.loads(result.out)
  sample = effnas('space', 'sample', '--config=tiny.py', '--n=1', '--seed=1')
  assert found['arch'] == json.loads(sample.out)
  assert 0 <= found['test']['accuracy'] <= 1
  assert found['valid'].keys() == found['test'].keys()
  assert found['footprint']['macs'] == 64 * found['arch']['model.features'] + (
    10 * found['arch']['model.features']
  )
  folder = tmp_path / 'run'
  assert json.loads((folder / 'metrics.json').read_text()) == found
  size = (folder / 'weights.safetensors').stat().st_size
  assert size == found['footprint']['size_bytes']
  assert "the quantization rule 'nowhere/*' matches no layer" in result.err
  assert 'epoch 1/1 | train loss' in result.err
  # Again: it is done, and its table has the same figures.
  again = train('--seed=1')
  assert 'nothing to do' in again.err
  assert f'{found["test"]["accuracy"]:.4f}' in again.out
  # Another config or arch is refused, and nothing is lost.
  said = train('--seed=1', '--config.train.batch_size=32').said
  assert 'train.batch_size: 64 (workdir) != 32 (now)' in said
  assert 'holds another run: arch.' in train('--seed=2').said
  assert json.loads((folder / 'metrics.json').read_text()) == found


def test_a_killed_training_goes_on(train, tmp_path, monkeypatch):
  seen = []

  def killed(self, done, told=''):
    seen.append(done)
    if done == 2 and len(seen) == 2:
      raise KeyboardInterrupt

  monkeypatch.setattr(progress.Progress, 'update', killed)
  argv = ('--config.train.checkpoint_every=1', '--format=json')
  result = train(*argv, config='tiny.py:long')
  assert result.code == 130
  assert 'goes on from the last checkpoint' in result.err
  assert train(*argv, config='tiny.py:long').code == 0
  assert seen == [1, 2, 2, 3]
  assert not (tmp_path / 'run' / 'training').exists()


@pytest.mark.parametrize(
  ('argv', 'expected'),
  [
    (('--arch={}',), "the arch lacks 'model.features'"),
    (('--search=nowhere', '--trial=0'), 'cannot read the journal nowhere'),
    (('--search=nowhere',), 'together'),
    (('--config.train.batch=3',), 'did you mean'),
    (("--config.footprint.targets=('a10',)",), "unknown target 'a10'"),
    (("--config.train.augment=('flop',)",), 'flop'),
    (('word',), "unexpected argument 'word'"),
  ],
)
def test_bad_input_leaves_nothing_behind(train, tmp_path, argv, expected):
  assert expected in train(*argv).said
  assert list(tmp_path.iterdir()) == []


def test_divergence_is_told_and_leaves_nothing(train, tmp_path, monkeypatch):
  def diverged(*args, **kwargs):
    raise train_lib.Diverged('loss is nan in epoch 2')

  monkeypatch.setattr(train_lib, 'fit', diverged)
  result = train()
  assert result.code == 2
  assert result.err.splitlines()[-1].startswith(
    'effnas: the training diverged: loss is nan in epoch 2; lower optim.lr'
  )
  assert list(tmp_path.iterdir()) == []


def test_what_is_done_first_is_said_and_what_it_starts_from(
  train, tmp_path, monkeypatch
):
  """Compiling takes seconds in which nothing else is said."""
  hidden = {'kernel': np.ones((64, 4), 'f4'), 'bias': np.ones(4, 'f4')}
  variables = {'params': {'Dense_0': hidden}}
  file = tmp_path / 'start.safetensors'
  file.write_bytes(weights.serialize(variables))

  def stop(*_):
    raise errors.UserError('stopped')

  monkeypatch.setattr(training, 'fit', stop)
  result = train(f'--config.train.init={file}', f'--arch={json.dumps(_ARCH)}')
  assert result.code == 2, result.err
  first, said, compiling, _ = result.err.splitlines()[-4:]
  assert 'matches no layer' in first
  assert said == (
    f'train.init: 2 arrays of {file} taken; 2 drawn: params/Dense_1/bias, '
    'params/Dense_1/kernel'
  )
  assert compiling == 'epoch 0/1 | compiling ...'


def test_top_5_of_five_classes_is_no_row(capsys):
  quality = {'accuracy': 0.5, 'top5': 1.0}
  found = {'valid': quality, 'test': quality, 'footprint': {}, 'sources': {}}
  command._table(found)
  assert 'top-5' not in capsys.readouterr().out
  command._table({**found, 'test': {'accuracy': 0.5, 'top5': 0.9}})
  assert 'top-5 accuracy' in capsys.readouterr().out
