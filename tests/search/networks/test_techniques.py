"""Ways to train better, switched on in a config."""

import json
import os
import subprocess
import sys

from flax import linen
import jax
import numpy as np
import pytest
import small_training

from effnas import errors, search
from effnas.footprint import weights
from effnas.search.networks import (
  candidate,
  network_trials,
  teaching,
  training,
)
from effnas.train import epoch


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """The workdir of a run, as `effnas train` leaves it: a teacher."""
  folder = tmp_path_factory.mktemp('teacher')
  config = small_training.config({'epochs': 8})
  _, told = small_training.fit(config, folder)
  assert told['accuracy'] > 0.6
  (folder / 'config.json').write_text(
    json.dumps({**config, 'arch': small_training.ARCH})
  )
  return folder


def _techniques(folder):
  """Settings of train and optim, by what is switched on."""
  file = str(folder / training.WEIGHTS)
  zoo = {
    'network': 'small_training:space',
    'arch': small_training.ARCH,
    'weights': file,
  }
  return {
    'augment': (
      {'augment': ['crop', {'name': 'mixup', 'alpha': 0.1}]},
      {},
    ),
    'hardest': ({'augment': ['crop', {'name': 'hardest', 'k': 2}]}, {}),
    'distill': ({'distill': {'teacher': str(folder), 'alpha': 0.5}}, {}),
    'distill, mixed': (
      {
        'augment': ['cutmix'],
        'distill': {
          'teacher': [{'workdir': str(folder)}, zoo],
          'terms': [{'name': 'hint', 'pairs': ['stem']}],
        },
      },
      {},
    ),
    'steps': (
      {'accumulate': 2, 'batch_size': 16},
      {'sam': 0.05, 'lookahead': 3},
    ),
    'resolutions, stop_after': (
      {
        'resolutions': [[0.0, 6], [0.5, 8]],
        'stop_after': 1,
        'eval_every': 1,
      },
      {},
    ),
    'curriculum': ({'curriculum': {'start': 0.6}}, {}),
    'curriculum, teacher': (
      {'curriculum': {'start': 0.4, 'teacher': str(folder)}},
      {},
    ),
  }


@pytest.mark.parametrize(
  'name',
  [
    'augment',
    pytest.param('hardest', marks=pytest.mark.slow),
    'distill',
    'distill, mixed',
    'steps',
    'resolutions, stop_after',
    'curriculum',
    'curriculum, teacher',
  ],
)
def test_each_trains_and_gets_better(name, run, tmp_path):
  train, optim = _techniques(run)[name]
  train = {'epochs': 3, 'eval_every': 1, **train}
  config = small_training.config(
    train, optim={**small_training.CONFIG['optim'], **optim}
  )
  network_trials.problem(config)
  history, told = small_training.fit(config, tmp_path)
  assert history[-1]['loss'] < 0.9 * history[0]['loss']
  assert told['accuracy'] > 0.3
  assert ('stopped_epoch' in told) == ('stop_after' in name)


def test_weights_and_temperatures_share_a_program(run, tmp_path):
  epoch.compiled.cache_clear()
  losses = []
  for i, changes in enumerate(({}, {'temperature': 1.0}, {'alpha': 0.1})):
    config = small_training.config(
      {'epochs': 1, 'distill': {'teacher': str(run), **changes}}
    )
    history, _ = small_training.fit(config, tmp_path / str(i))
    losses.append(history[0]['train_loss'])
  assert len(set(losses)) == 3
  assert epoch.compiled.cache_info().misses == 1


def test_choices_among_techniques_are_decisions(run, tmp_path):
  train = {
    'epochs': 1,
    'augment': {'oneof': [[], ['crop']]},
    'accumulate': {'oneof': [1, 2]},
    'resolutions': {'oneof': [None, [[0.0, 6]]]},
    'curriculum': {'start': {'uniform': [0.2, 0.8]}},
    'distill': {
      'teacher': str(run),
      'alpha': {'oneof': [0.3, 0.9]},
      'temperature': {'loguniform': [1.0, 8.0]},
    },
  }
  optim = {
    'lr': 2e-2,
    'sam': {'uniform': [0.01, 0.1]},
    'lookahead': {'oneof': [0, 3]},
  }
  config = small_training.config(train, optim=optim)
  config['search']['trials'] = 1
  trials = search.run(config, tmp_path / 'run')
  assert {trial.status for trial in trials} == {'done'}, trials[0].reason
  assert set(trials[0].arch) == {
    'model.width',
    'train.accumulate',
    'train.augment',
    'train.curriculum.start',
    'train.distill.alpha',
    'train.distill.temperature',
    'train.resolutions',
    'optim.sam',
    'optim.lookahead',
  }


@pytest.mark.parametrize(
  ('train', 'words'),
  [
    ({'augment': ['mixup'], 'batch_size': 1}, 'the batch size is 1'),
    ({'augment': [{'name': 'mixup', 'alfa': 1}]}, "did you mean 'alpha'"),
    ({'augment': ['word_dropout']}, 'takes tokens'),
    (
      {'accumulate': 0},
      'accumulate must be a whole number of at least 1, got 0',
    ),
    ({'stop_after': 2}, 'set eval_every'),
    ({'resolutions': [[0.5, 8]]}, 'rising from 0'),
    ({'curriculum': {'start': 2.0}}, 'start must be a share'),
    ({'curriculum': {'teacher': 'nosuch'}}, 'no config.json there'),
    ({'distill': 'runs/x'}, 'train.distill must be settings by name or null'),
    ({'distill': {'teachers': []}}, "did you mean 'teacher'"),
    ({'distill': {'teacher': 'nosuch'}}, 'nosuch is no workdir of a run'),
    ({'distill': {'teacher': 3}}, 'a teacher is named by its workdir'),
    ({'distill': {'teacher': {'network': 'resnet_cifr'}}}, 'weights is None'),
    (
      {'distill': {'teacher': {'network': 'resnet1', 'weights': 'x'}}},
      'unknown network of a teacher',
    ),
    ({'distill': {'alpha': 0.5}}, 'SoftLabels asks a teacher'),
    ({'distill': {}}, 'SoftLabels asks a teacher'),
  ],
)
def test_a_wrong_value_is_one_line_before_training(train, words):
  with pytest.raises(errors.UserError, match=words) as told:
    network_trials.problem(small_training.config(train))
  assert '\n' not in str(told.value)


def test_what_a_teacher_cannot_do_is_one_line(run, tmp_path):
  def complaint(distill, **changes):
    config = small_training.config(
      {'distill': distill, **changes.pop('train', {})}, **changes
    )
    with pytest.raises(errors.UserError) as told:
      network_trials.problem(config)
    assert '\n' not in str(told.value)
    return str(told.value)

  teacher = str(run)
  assert 'sees' in complaint(
    {'teacher': teacher, 'sees': 'plain'}, train={'augment': ['mixup']}
  )
  assert 'temperature must be' in complaint(
    {'teacher': teacher, 'temperature': 0}
  )
  file = tmp_path / 'other.safetensors'
  file.write_bytes(weights.serialize({'params': {'stem': np.zeros(3)}}))
  told = complaint(
    {
      'teacher': {
        'network': 'small_training:space',
        'arch': small_training.ARCH,
        'weights': str(file),
      }
    }
  )
  assert 'do not fit: it holds none of its arrays' in told
  other = {**json.loads((run / 'config.json').read_text()), 'arch': None}
  del other['arch']
  (tmp_path / 'config.json').write_text(json.dumps(other))
  assert "say which network: 'trial': N" in complaint(
    {'teacher': str(tmp_path)}
  )


def test_a_quantized_student_learns_from_a_quantized_teacher(run, tmp_path):
  """The student's gradient lives, the teacher gets none."""
  data = candidate.load_data(small_training.CONFIG)
  folder = tmp_path / 'teacher'
  quantized = small_training.config(
    {'epochs': 1}, quant={'weights': 8, 'activations': 8}
  )
  small_training.fit(quantized, folder)
  (folder / 'config.json').write_text(
    json.dumps({**quantized, 'arch': small_training.ARCH})
  )
  settings = {'augment': [], 'crop_padding': 1}
  teachers = [str(run), str(folder)]
  made = teaching.objective(
    {'teacher': teachers, 'hard': 0.0, 'sees': 'same'},
    {**settings, 'augment': ['crop']},
    data,
  )
  kernel = made.teachers[1].variables['params']['stem']['kernel']
  assert kernel.dtype == np.int8
  from effnas.learn import objective as objective_lib
  from effnas.train import forward

  config = small_training.config(quant={'weights': 4, 'activations': 8})
  net = candidate.build(config, small_training.ARCH).net
  x = data.prepare(data.train.x[:16])
  batch = objective_lib.batch(x, np.asarray(data.train.y[:16]))
  variables = net.init(jax.random.key(0), x)
  rest = {k: v for k, v in variables.items() if k != 'params'}
  numbers = {**made.numbers(), 'label_smoothing': 0.0}

  def loss(params, first):
    bound = forward.Forward(net, params, rest, jax.random.key(0))
    constants = {'teachers': (first, made.constants()['teachers'][1])}
    told = {**numbers, 'constants': constants}
    return made(bound, batch, jax.random.key(1), told).loss

  told = made.constants()['teachers'][0]
  student, teacher = jax.jit(jax.grad(loss, argnums=(0, 1)))(
    variables['params'], told
  )
  for name in ('stem', 'classifier'):
    assert np.abs(student[name]['kernel']).max() > 1e-5
  assert all(not np.asarray(g).any() for g in jax.tree.leaves(teacher))


def test_teachers_answers_are_found_once_where_inputs_stay():
  data = candidate.load_data(small_training.CONFIG)
  net = small_training.Pooled()
  variables = net.init(jax.random.key(0), data.prepare(data.train.x[:1]))
  settings = {'crop_padding': 1}
  from effnas.learn import distillation

  told = distillation.Teacher(net, variables)
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(teaching, 'teacher', lambda *_: told)
    for augment, further, cached in (
      ([], {}, True),
      (['crop'], {}, False),
      ([], {'resolutions': [[0.0, 4]]}, False),
    ):
      train = {**settings, 'augment': augment, **further}
      made = teaching.objective({'teacher': 'x'}, train, data)
      assert made.cached == cached
      assert bool(made.extras(data.train.x[:8], data.prepare)) == cached


def test_a_teacher_of_one_size_sees_no_other():
  class Flat(linen.Module):
    @linen.compact
    def __call__(self, x, train=False):
      return linen.Dense(10)(x.reshape(len(x), -1))

  from effnas.learn import distillation

  data = candidate.load_data(small_training.CONFIG)
  x = data.prepare(data.train.x[:1])
  told = distillation.Teacher(Flat(), Flat().init(jax.random.key(0), x))
  train = {'augment': [], 'crop_padding': 1, 'resolutions': [[0.0, 4]]}
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(teaching, 'teacher', lambda *_: told)
    with pytest.raises(errors.UserError, match='images of 4 pixels'):
      teaching.objective({'teacher': 'x'}, train, data)
    plain = {'teacher': 'x', 'sees': 'plain'}
    assert teaching.objective(plain, train, data).cached


def test_a_problem_with_techniques_starts_no_backend(run):
  code = (
    'import json, sys, os\n'
    'sys.path.insert(0, sys.argv[2])\n'
    'from effnas.search.networks import network_trials\n'
    'network_trials.problem(json.loads(sys.argv[1]))\n'
    'from jax._src import xla_bridge\n'
    'assert not xla_bridge._backends, xla_bridge._backends\n'
  )
  config = small_training.config(
    {
      'augment': ['randaugment', 'cutmix', 'hardest'],
      'distill': {'teacher': str(run)},
      'resolutions': [[0.0, 4]],
      'curriculum': {'teacher': str(run)},
    }
  )
  found = subprocess.run(
    [
      sys.executable,
      '-c',
      code,
      json.dumps(config),
      os.path.dirname(small_training.__file__),
    ],
    capture_output=True,
    text=True,
    check=False,
  )
  assert not found.returncode, found.stderr
