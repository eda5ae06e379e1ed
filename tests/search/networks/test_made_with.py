import json

import numpy as np
import pytest
import small_training

from effnas import errors
from effnas import space as sp
from effnas.search.networks import candidate, made_with, network_trials

_DATA = {'data.train', 'data.valid', 'data.test'}


def write(path, text):
  path.write_text(text)
  return str(path)


def teacher(folder, arch=None, weights='w', **changes):
  folder.mkdir(exist_ok=True)
  arch = small_training.ARCH if arch is None else arch
  config = small_training.config(**changes) | {'arch': arch}
  write(folder / 'config.json', json.dumps(config))
  write(folder / 'weights.safetensors', weights)
  return str(folder)


def test_the_data_alone_where_nothing_else_is_named():
  assert made_with.of(small_training.config()).keys() == _DATA
  problem = network_trials.problem(small_training.config())
  assert problem.identity == made_with.of(small_training.config())


def test_a_file_to_start_from(tmp_path):
  config = small_training.config({'init': write(tmp_path / 'a', 'a')})
  first = made_with.of(config)
  assert first.keys() == _DATA | {'train.init'}
  write(tmp_path / 'a', 'b')
  other = made_with.of(config)
  assert {name for name in first if first[name] != other[name]} == {
    'train.init'
  }
  (tmp_path / 'a').unlink()
  with pytest.raises(errors.UserError, match='cannot read the weights file'):
    made_with.of(config)


def test_each_of_a_choice_counts(tmp_path):
  files = [write(tmp_path / name, name) for name in 'ab']
  config = small_training.config({'init': {'oneof': [None, *files]}})
  assert made_with.of(config).keys() - _DATA == {
    'train.init[0]',
    'train.init[1]',
  }


def test_what_a_space_chooses_from_counts(tmp_path, monkeypatch):
  files = [write(tmp_path / name, name) for name in 'ab']
  tree = {**small_training.space().tree, 'train': {'init': sp.oneof(*files)}}
  monkeypatch.setattr(candidate, 'load_space', lambda _: sp.Space(tree))
  first = made_with.of(small_training.config())
  write(tmp_path / 'b', 'c')
  other = made_with.of(small_training.config())
  changed = {name for name in first if first[name] != other[name]}
  assert changed == {'train.init[1]'}


def test_a_teacher_is_its_network_and_its_weights(tmp_path):
  path = tmp_path / 'teacher'
  name = 'train.distill.teacher'

  def digest(**changes):
    named = teacher(path, **changes)
    config = small_training.config({'distill': {'teacher': named}})
    return made_with.of(config)[name]

  first = digest()
  assert digest() == first
  assert digest(search={'trials': 99}) == first  # it has gone on since
  assert digest(weights='v') != first
  assert digest(arch={'model.width': 24}) != first
  assert digest(quant={'weights': 8, 'activations': 8}) != first


def test_teachers_of_all_kinds(tmp_path):
  run = teacher(tmp_path / 'run')
  file = write(tmp_path / 'w', 'w')
  zoo = {'network': 'resnet18', 'weights': file}
  config = small_training.config(
    {
      'distill': {'teacher': [run, zoo]},
      'curriculum': {'start': 0.5, 'teacher': {'workdir': run}},
    }
  )
  assert made_with.of(config).keys() - _DATA == {
    'train.distill.teacher[0]',
    'train.distill.teacher[1]',
    'train.curriculum.teacher',
  }


def test_a_device_file_of_ones_own(tmp_path):
  file = write(tmp_path / 'mine.json', '{}')
  search = {'objectives': ['accuracy', f'latency_ms@{file}']}
  config = small_training.config(
    footprint={'targets': [f'{file}:8', 'a100'], 'batch': 1, 'compile': []},
    search=search,
  )
  assert made_with.of(config).keys() - _DATA == {f'target {file}'}


def test_further_files(tmp_path):
  file = write(tmp_path / 'a', 'a')
  found = made_with.of(small_training.config(), {'--trained': file, 'no': None})
  assert found.keys() - _DATA == {'--trained'}


def test_a_worker_with_other_data_ends_the_search(tmp_path):
  config = small_training.config()
  told = made_with.of(config)
  made_with.check({'config': config, 'identity': told})
  made_with.check({'config': config})  # nothing is known
  made_with.check({'config': config, 'identity': {**told, 'train.init': 'x'}})
  task = {
    'config': config,
    'workdir': str(tmp_path),
    'identity': {**told, 'data.valid': 'x' * 64},
  }
  with pytest.raises(errors.MachineError) as caught:
    network_trials.evaluate(task, small_training.ARCH, 0, print)
  assert 'data.valid xxxxxxxx (search) != ' in str(caught.value)


def test_other_arrays_in_the_same_file_are_other_data(tmp_path):
  x = np.arange(160, dtype=np.uint8).reshape(40, 2, 2, 1)
  config = small_training.config(
    data={'name': 'arrays', 'path': str(tmp_path / 'a.npz')}
  )

  def digest(labels):
    np.savez(tmp_path / 'a.npz', x=x, y=labels)
    for cached in (candidate._load_data, made_with._data):
      cached.cache_clear()  # as another process would begin
    return made_with.data(config)

  labels = np.arange(40) % 2
  assert digest(labels) == digest(labels)
  assert not set(digest(labels).values()) & set(digest(1 - labels).values())
