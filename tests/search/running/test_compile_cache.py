import pathlib
import stat

from effnas.search.running import compile_cache


def test_the_cache_is_the_users_own(tmp_path, monkeypatch):
  monkeypatch.delenv('JAX_COMPILATION_CACHE_DIR', raising=False)
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  found = compile_cache.environment()
  folder = pathlib.Path(found['JAX_COMPILATION_CACHE_DIR'])
  assert folder == tmp_path / 'effnas' / 'xla'
  assert stat.S_IMODE(folder.stat().st_mode) == 0o700
  assert found['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] == '0'


def test_a_folder_that_others_may_write_is_closed_to_them(
  tmp_path, monkeypatch
):
  monkeypatch.delenv('JAX_COMPILATION_CACHE_DIR', raising=False)
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  folder = tmp_path / 'effnas' / 'xla'
  folder.mkdir(parents=True)
  folder.chmod(0o777)
  compile_cache.environment()
  assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_no_cache_through_a_link_that_somebody_laid(tmp_path, monkeypatch):
  monkeypatch.delenv('JAX_COMPILATION_CACHE_DIR', raising=False)
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  (tmp_path / 'effnas').mkdir()
  (tmp_path / 'elsewhere').mkdir()
  (tmp_path / 'effnas' / 'xla').symlink_to(tmp_path / 'elsewhere')
  assert compile_cache.environment() == {}


def test_the_users_choice_stays(monkeypatch):
  monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', '/chosen')
  monkeypatch.setenv('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '9')
  assert compile_cache.environment() == {
    'JAX_COMPILATION_CACHE_DIR': '/chosen',
    'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '9',
  }
