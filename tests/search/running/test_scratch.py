import os
import pathlib
import subprocess
import sys

from effnas.search.running import scratch


def test_a_folder_goes_and_takes_those_of_the_dead_along():
  code = (
    'import os\nfrom effnas.search.running import scratch\n'
    "with scratch.folder('effnas-test') as f:\n"
    '  print(f, flush=True)\n  os._exit(1)'
  )
  dead = pathlib.Path(
    subprocess.run(
      [sys.executable, '-c', code], capture_output=True, text=True, check=False
    ).stdout.strip()
  )
  assert dead.is_dir()
  with (
    scratch.folder('effnas-test') as one,
    scratch.folder('effnas-test') as two,
  ):
    assert one.is_dir()
    assert one != two
    assert not dead.exists()
    assert len(str(one)) < 60
  assert not one.exists()


def test_the_environment_is_put_back(monkeypatch):
  monkeypatch.setenv('EFFNAS_A', '1')
  monkeypatch.delenv('EFFNAS_B', raising=False)
  with scratch.environment({'EFFNAS_A': '2', 'EFFNAS_B': '3'}):
    assert (os.environ['EFFNAS_A'], os.environ['EFFNAS_B']) == ('2', '3')
  assert os.environ['EFFNAS_A'] == '1'
  assert 'EFFNAS_B' not in os.environ
