"""Where nothing can be written: one line, the older files, nothing half."""

import errno
import json
import os
import pathlib
import subprocess

import numpy as np
import pytest

from effnas import errors, files, report, strategy
from effnas.cli import main
from effnas.footprint.compiled import cache
from effnas.footprint.latency import cost_model
from effnas.recipe import artefact
from effnas.recipe import network as network_lib
from effnas.report import marked, sensitivity
from effnas.train import checkpoint


def _study(folder):
  config = {'search': {'objectives': ['accuracy', 'size_bytes']}}
  arch = {'kernel': 3, 'note': 'x' * 3000}
  events = [
    {'event': 'proposed', 'trial': 0, 'arch': arch, 'time': 1.0,
     'footprint': {'size_bytes': 1000}},
    {'event': 'done', 'trial': 0, 'time': 2.0, 'metrics': {'accuracy': 0.5}},
  ]  # fmt: skip
  (folder / 'config.json').write_text(json.dumps(config))
  lines = [f'{json.dumps(event)}\n' for event in events]
  (folder / 'trials.jsonl').write_text(''.join(lines))
  return folder


def _network():
  variables = {'params': {'head': {'kernel': np.ones((64, 64), 'float32')}}}
  return network_lib.Network(None, variables)


def _sensitivity(folder):
  row = strategy.Row('head', 8, 0.9, 0.3, 0.01)
  found = strategy.Sensitivity(0.9, 0.3, 100, 8, {'head': 9}, (row,))
  sensitivity.write(found, folder)


def _marked(folder):
  file = folder / 'README.md'
  if not file.exists():
    file.write_text('<!-- a -->\nold\n<!-- /a -->')
  marked.renew(file, {'a': 'new' * 3000})


# What writes into a folder, and the files that it writes.
_KINDS = {
  'report': (
    report.write,
    ('pareto.csv', 'pareto.png', 'report.html'),
  ),
  'sensitivity': (_sensitivity, ('sensitivity.csv', 'sensitivity.png')),
  'weights': (
    lambda folder: artefact.write(_network(), folder / 'a.safetensors'),
    ('a.safetensors',),
  ),
  'device': (
    lambda folder: cost_model.load('a100').save(folder / 'mine.json'),
    ('mine.json',),
  ),
  'readme': (_marked, ('README.md',)),
  'json': (
    lambda folder: files.write_json(folder / 'a.json', ['x'] * 3000),
    ('a.json',),
  ),
}
_OLD = 'old <!-- a --><!-- /a -->'


@pytest.mark.parametrize('kind', _KINDS)
def test_a_failing_write_leaves_all_as_it_was(kind, tmp_path, monkeypatch):
  write, names = _KINDS[kind]
  before = os.fsync
  for failing in range(len(names)):
    folder = tmp_path / str(failing)
    folder.mkdir()
    _study(folder)
    for name in names:
      (folder / name).write_text(_OLD)
    calls = []

    def fsync(file, calls=calls, failing=failing):
      calls.append(file)
      if len(calls) == failing + 1:
        _no_space()
      before(file)

    monkeypatch.setattr(os, 'fsync', fsync)
    with pytest.raises(errors.MachineError) as caught:
      write(folder)
    assert str(caught.value).endswith('No space left on device')
    assert names[failing] in str(caught.value)
    assert '\n' not in str(caught.value)
    for name in names:
      assert (folder / name).read_text() == _OLD
    rest = {file.name for file in folder.iterdir()} - set(names)
    assert rest <= {'config.json', 'trials.jsonl'}


@pytest.fixture
def tiny(tmp_path):
  """A file system of 64 kB, with a function that fills it."""
  folder = tmp_path / 'tiny'
  folder.mkdir()
  try:
    made = subprocess.run(
      ['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', str(folder)],
      capture_output=True,
      check=False,
    )
  except OSError:
    pytest.skip('there is no mount here')
  if made.returncode:
    pytest.skip('mounting is not allowed here')
  yield folder
  subprocess.run(['umount', str(folder)], check=True)


def _filled(folder, left):
  """Leaves so many pages of 4 kB."""
  stats = os.statvfs(folder)
  pages = stats.f_bavail * stats.f_frsize // 4096 - left
  (folder / 'ballast').write_bytes(b'x' * (4096 * pages))


@pytest.mark.parametrize('kind', _KINDS)
def test_a_full_disk_is_one_line_and_the_next_try_goes_on(kind, tiny):
  write, names = _KINDS[kind]
  (tiny / 'README.md').write_text('<!-- a --><!-- /a -->')
  _study(tiny)
  _filled(tiny, 1 if kind == 'report' else 0)
  there = sorted(os.listdir(tiny))
  with pytest.raises(errors.MachineError, match='No space left'):
    write(tiny)
  assert sorted(os.listdir(tiny)) == there
  (tiny / 'ballast').unlink()
  if kind != 'report':  # its picture alone is larger
    write(tiny)
    assert set(names) <= set(os.listdir(tiny))


def test_the_command_line_says_it_in_one_line(tmp_path, monkeypatch, capsys):
  def full(file):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  _study(tmp_path)
  monkeypatch.setattr(os, 'fsync', full)
  assert main.run(['report', str(tmp_path)]) == 2
  out, err = capsys.readouterr()
  assert out == ''
  assert err.startswith('effnas: cannot write ')
  assert err.endswith('No space left on device\n')
  assert err.count('\n') == 1
  assert not list(tmp_path.glob('*pareto*'))


def test_a_cache_that_cannot_be_kept_is_no_error(tmp_path, monkeypatch):
  cache.write(tmp_path, 'a', {'flops': 1})
  assert cache.read(tmp_path, 'a') == {'flops': 1}
  monkeypatch.setattr(os, 'fsync', _no_space)
  cache.write(tmp_path, 'b', {'flops': 2})
  assert cache.read(tmp_path, 'b') is None
  assert [file.name for file in tmp_path.iterdir()] == ['a.json']


def _no_space(*_):
  raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _Manager:
  """Orbax, as it tells of a full disk: the number is in the words."""

  def __init__(self, folder):
    self._folder = pathlib.Path(folder)

  def __enter__(self):
    return self

  def __exit__(self, *_):
    pass

  def save(self, epoch, **_):
    (self._folder / f'{epoch}.orbax-checkpoint-tmp' / 'state').mkdir(
      parents=True
    )
    raise ValueError(
      'RESOURCE_EXHAUSTED: Error writing "w/0"\nFailed to write 9 bytes to '
      "file 7: No space left on device [os_error_code='28']"
    )


def test_a_checkpoint_on_a_full_disk_is_the_machines_fault(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(checkpoint, '_manager', _Manager)
  with pytest.raises(errors.MachineError) as caught:
    checkpoint.save(tmp_path, 3, {'w': np.zeros(2)}, [], {})
  said = str(caught.value)
  assert said == f'cannot write {tmp_path}: No space left on device'
  assert list(tmp_path.iterdir()) == []


def test_a_real_checkpoint_on_a_full_disk(tiny, capfd):
  state = {'w': np.random.default_rng(0).normal(size=30_000).astype('float32')}
  with pytest.raises(errors.MachineError, match='No space left on device'):
    checkpoint.save(tiny / 'training', 1, state, [], {})
  assert checkpoint.latest(tiny / 'training', state, {}) is None
  assert list((tiny / 'training').iterdir()) == []
  assert capfd.readouterr().err == ''


def test_no_pipe_is_replaced_and_a_link_stays_one(tmp_path):
  pipe = tmp_path / 'pipe'
  os.mkfifo(pipe)
  reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
  files.write(pipe, 'x')
  assert os.read(reader, 9) == b'x'
  os.close(reader)
  assert pipe.is_fifo()
  (tmp_path / 'real').write_text('old')
  (tmp_path / 'link').symlink_to('real')
  files.write(tmp_path / 'link', 'new')
  assert (tmp_path / 'link').is_symlink()
  assert (tmp_path / 'real').read_text() == 'new'


@pytest.mark.parametrize('name', ['', '/', '.', 'a\0b', 'n' * 300, '\ud800'])
def test_what_is_no_name_of_a_file_is_one_line(name):
  with pytest.raises(errors.UserError, match='cannot write'):
    files.write(name, 'x')
