"""Answers on disk: named by all that they depend on, never trusted blindly."""

import dataclasses
import stat

import pytest

from effnas import folders
from effnas.footprint.compiled import cache, result, target

PLAN = target.Plan('tpu_v3', 'tpu', 'libtpu 1', {'topology_name': 'v3:2x2'})
ABOUT = {
  'target': 'cpu', 'batch': 1, 'compiler': 'jaxlib 1', 'memory_bytes': 100.0
}  # fmt: skip
ANSWER = {
  'argument_bytes': 10, 'output_bytes': 20, 'temporary_bytes': 30,
  'code_bytes': 40, 'flops': 5.0, 'bytes_accessed': None, 'seconds': 2.5,
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_flags(monkeypatch):
  monkeypatch.delenv('XLA_FLAGS', raising=False)
  monkeypatch.delenv('LIBTPU_INIT_ARGS', raising=False)


def test_the_key_changes_with_program_target_and_versions(monkeypatch):
  keys = [
    cache.key('program', PLAN),
    cache.key('program ', PLAN),
    cache.key(
      'program', dataclasses.replace(PLAN, topology={'topology_name': 'v2:2x2'})
    ),
    cache.key('program', dataclasses.replace(PLAN, compiler='libtpu 2')),
    cache.key('program', dataclasses.replace(PLAN, platform='cuda')),
  ]
  monkeypatch.setenv('XLA_FLAGS', '--xla_some_flag=1')
  keys.append(cache.key('program', PLAN))
  monkeypatch.setattr('importlib.metadata.version', lambda name: '99')
  keys.append(cache.key('program', PLAN))
  assert len(set(keys)) == len(keys)


def test_the_key_is_that_of_another_run():
  assert cache.key('program', PLAN) == cache.key(
    'program', dataclasses.replace(PLAN, target='another name')
  )


def test_what_is_written_is_read(tmp_path):
  cache.write(tmp_path, 'name', ANSWER)
  assert cache.read(tmp_path, 'name') == ANSWER
  assert [p.name for p in tmp_path.iterdir()] == ['name.json']


@pytest.mark.parametrize('text', ['', '{"argument_bytes": 1', '[1]', 'null'])
def test_a_broken_file_is_no_answer(tmp_path, text):
  assert cache.read(tmp_path, 'name') is None
  (tmp_path / 'name.json').write_text(text)
  assert cache.read(tmp_path, 'name') is None


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path):
  cache.write(tmp_path / 'absent', 'name', ANSWER)
  assert not list(tmp_path.iterdir())


def test_the_folder_is_the_users_own(tmp_path, monkeypatch):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  found = folders.cache('compiled')
  assert found == tmp_path / 'effnas' / 'compiled'
  assert stat.S_IMODE(found.stat().st_mode) == 0o700
  found.chmod(0o777)
  assert stat.S_IMODE(folders.cache('compiled').stat().st_mode) == 0o700
  found.rmdir()
  (tmp_path / 'elsewhere').mkdir()
  found.symlink_to(tmp_path / 'elsewhere')
  assert folders.cache('compiled') is None


@pytest.mark.parametrize(
  'wrong',
  [
    {},
    {'seconds': None},
    {'argument_bytes': '10'},
    {'flops': 'many'},
    {'refused': 3},
    {'of_a_later_version': 1},
  ],
)
def test_an_answer_is_checked(wrong):
  answer = {**ANSWER, **wrong} if wrong else {}
  with pytest.raises(ValueError, match='not an answer'):
    result.from_answer(answer, ABOUT, cached=True)


def test_the_total_decides_whether_it_fits():
  found = result.from_answer(ANSWER, ABOUT, cached=False)
  assert (found.total_bytes, found.fits) == (100, True)
  tight = result.from_answer(
    ANSWER, {**ABOUT, 'memory_bytes': 99.0}, cached=True
  )
  assert not tight.fits
  assert tight.as_json()['total_bytes'] == 100
  untold = {**ANSWER, 'code_bytes': None}
  assert result.from_answer(untold, ABOUT, cached=True).total_bytes == 60


def test_a_refusal_does_not_fit():
  found = result.from_answer(
    {'refused': 'RESOURCE_EXHAUSTED: ...', 'seconds': 1.0}, ABOUT, cached=False
  )
  assert not found.fits
  assert found.total_bytes is None
  assert found.as_json()['refused'].startswith('RESOURCE_EXHAUSTED')
