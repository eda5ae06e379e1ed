"""A full disk ends a search, and room lets it go on as if nothing had been."""

import errno
import os
import pathlib
import subprocess

import pytest
import toy_search

from effnas import errors, files, search
from effnas.search import problem as problem_lib
from effnas.search.running import bridge as bridge_lib

_AT = 5


def _full():
  raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'weights.safetensors')


def _caused():
  try:
    _full()
  except OSError as e:
    raise KeyError('state') from e


def _said():
  raise ValueError(
    'FAILED_PRECONDITION: write: No space left on device [os:28]'
  )


def _files():
  raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def _read_only():
  raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def _ours():
  try:
    _full()
  except OSError as e:
    raise files.unwritable('weights.safetensors', e) from e


_FAULTS = {
  f.__name__: f for f in (_full, _caused, _said, _ours, _files, _read_only)
}


def evaluate(task, arch, trial, report):
  """Fails as the machine does, as long as the workdir says so."""
  fault = pathlib.Path(task['workdir'], 'fault')
  if trial == _AT and fault.exists():
    _FAULTS[fault.read_text()]()

  def stubborn(epoch, metrics):
    try:
      report(epoch, metrics)
    except Exception as e:
      raise AssertionError('not the business of a candidate') from e

  return toy_search.evaluate(task, arch, trial, stubborn)


def run(path, problem=None, evaluated=f'{__name__}:evaluate', **changes):
  return search.run(
    toy_search.config(**changes),
    path,
    evaluate=evaluated,
    problem=problem or toy_search.problem(),
  )


def essence(trials):
  return [
    (t.id, t.arch, t.footprint, t.status, t.reason, t.reports, t.retries)
    + ({k: v for k, v in t.metrics.items() if k != 'seconds'},)
    for t in trials
  ]


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
  return essence(run(tmp_path_factory.mktemp('whole')))


@pytest.mark.parametrize('fault', _FAULTS)
def test_the_fault_of_the_machine_leaves_a_trial_unfinished(
  tmp_path, fault, whole
):
  for _ in range(3):  # more often than search.retries: it is not to blame
    tmp_path.joinpath('fault').write_text(fault)
    with pytest.raises(errors.MachineError, match=f'trial {_AT} ') as e:
      run(tmp_path)
    assert 'make room and repeat the command' in str(e.value)
    assert '\n' not in str(e.value)
    trials = search.read(tmp_path)
    assert [t.status for t in trials] == ['done'] * _AT + ['proposed']
    tmp_path.joinpath('fault').unlink()
  assert essence(run(tmp_path)) == whole


@pytest.mark.parametrize('call', ['write', 'fsync'])
@pytest.mark.parametrize('at', [0, 1, 2, 3, 14, 47])
def test_a_journal_that_cannot_be_written_on_is_gone_on_with(
  tmp_path, monkeypatch, whole, call, at
):
  left = [at]
  real = getattr(os, call)

  def failing(file, *data):
    path = pathlib.Path(os.readlink(f'/proc/self/fd/{file}'))
    if path.name == 'trials.jsonl':
      left[0] -= 1
      if left[0] < 0:
        for part in data:
          real(file, part[: len(part) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return real(file, *data)

  with monkeypatch.context() as patch:
    patch.setattr(os, call, failing)
    patch.setattr('effnas.search.journal._SHORT', 0.0)
    if at == 47 and call == 'fsync':  # after the last one
      run(tmp_path)
    else:
      with pytest.raises(errors.MachineError, match=r'journal .*make room'):
        run(tmp_path)
  journal = tmp_path / 'trials.jsonl'
  data = journal.read_bytes() if journal.exists() else b''
  assert data == b'' or data.endswith(b'\n')
  assert essence(run(tmp_path)) == whole


def test_a_footprint_that_finds_no_room_is_no_failed_trial(tmp_path, whole):
  counted, toy = [], toy_search.problem()

  def footprint(arch):
    counted.append(arch)
    if len(counted) == _AT:
      _full()
    return toy.footprint(arch)

  problem = problem_lib.Problem(toy.space, toy.objectives, footprint)
  with pytest.raises(errors.MachineError, match=r'No space left .*make room'):
    run(tmp_path, problem)
  assert 'failed' not in {t.status for t in search.read(tmp_path)}
  assert essence(run(tmp_path)) == whole


def test_a_worker_without_room_ends_the_search(tmp_path):
  import led

  leader = led.lead(tmp_path / 'trials.jsonl', 'random', concurrency=2)
  bridge = bridge_lib.Bridge(leader, lambda: None)
  bridge.next('a')
  bridge.next('b')
  with pytest.raises(errors.MachineError, match='trial 1 could not go on: OSE'):
    bridge.take(
      'b', {'event': 'halted', 'reason': 'OSError: no room', 'trial': 1}
    )
  assert bridge.finished
  assert isinstance(bridge.error, errors.MachineError)
  assert [t.status for t in leader.journal.trials] == ['proposed'] * 2
  leader.journal.close()


def heavy(task, arch, trial, report):
  """Writes weights that a small disk does not hold for long."""
  weights = pathlib.Path(task['workdir'], f'weights-{trial}')
  weights.write_bytes(bytes(12_000))
  return toy_search.evaluate(task, arch, trial, report)


def test_a_small_disk_and_a_larger_one(tmp_path, whole):
  disk = tmp_path / 'disk'
  disk.mkdir()
  try:
    subprocess.run(
      ['mount', '-t', 'tmpfs', '-o', 'size=96k', 'tmpfs', str(disk)],
      check=True,
      capture_output=True,
    )
  except (OSError, subprocess.CalledProcessError) as e:
    pytest.skip(f'no file system can be mounted here: {e}')
  try:
    named = f'{__name__}:heavy'
    with pytest.raises(errors.MachineError, match='No space left on device'):
      run(disk / 'run', evaluated=named)
    done = [t.status for t in search.read(disk / 'run')]
    assert 1 < len(done) < 12
    assert 'failed' not in done
    subprocess.run(
      ['mount', '-o', 'remount,size=4m', str(disk)], check=True, timeout=60
    )
    assert essence(run(disk / 'run', evaluated=named)) == whole
  finally:
    subprocess.run(['umount', str(disk)], check=True, timeout=60)
