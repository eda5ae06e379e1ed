import errno
import os
import subprocess
import sys

import pytest

from effnas.cli import commands, main
from effnas.cli import request as request_lib

_COMMANDS = commands.names()


def test_every_command_of_the_issue_is_there():
  wanted = {'search', 'train', 'footprint', 'report', 'space', 'zoo'}
  assert wanted <= set(_COMMANDS)


@pytest.mark.parametrize('argv', [(), ('--help',), ('help',), ('-h',)])
def test_overview_names_every_command(effnas, argv):
  result = effnas(*argv)
  assert (result.code, result.err) == (0, '')
  for name in _COMMANDS:
    assert f'\n  {name} ' in result.out
  assert 'effnas search --config=configs/digits.py' in result.out


@pytest.mark.parametrize('name', _COMMANDS)
def test_help_teaches(effnas, name):
  result = effnas(name, '--help')
  assert (result.code, result.err) == (0, '')
  assert result.out.startswith(f'Usage: effnas {name}')
  assert f'\n  effnas {name}' in result.out  # an example
  flags = request_lib.defined(commands.load(name))
  for flag in flags:
    assert f'--{flag}' in result.out.replace('[no]', '')
    assert flags[flag].help.split('>: ')[-1][:20] in result.out
  assert max(map(len, result.out.splitlines())) <= 80
  assert effnas('help', name).out == result.out


def test_help_wins_over_bad_flags(effnas):
  assert effnas('search', '--config=nowhere.py', '--help').code == 0


def test_version(effnas):
  assert effnas('--version').out.startswith('effnas 0.')


@pytest.mark.parametrize(
  ('argv', 'expected'),
  [
    (('serch',), "unknown command 'serch'; did you mean 'search'?"),
    (('--serch',), "a command comes first, got '--serch'"),
    (('zoo', '--formt=json'), "'--formt'; did you mean '--format'"),
    (('zoo', '--format=xml'), 'should be one of <table|json>'),
    (('zoo', '--config.seed=1'), "unknown flag '--config.seed'"),
    (('zoo', 'mobilenet'), "unexpected argument 'mobilenet'"),
    (('footprint', '--batch=many', 'mobilenet_v2'), '--batch=many'),
    (('report',), 'report needs the workdir of a search'),
    (('search',), 'search needs --config'),
    (('search', '--config=tiny.py'), 'search needs --workdir'),
    (('search', '--config.search.trials=1'), 'add --config=FILE'),
  ],
)
def test_bad_words_are_one_line(effnas, argv, expected):
  assert expected in effnas(*argv).said


def test_an_interrupt_says_how_to_go_on(effnas, monkeypatch):
  def interrupted(request):
    raise KeyboardInterrupt

  monkeypatch.setattr(commands.load('search'), 'run', interrupted)
  result = effnas('search', '--config=tiny.py')
  assert (result.code, result.out) == (130, '')
  assert result.err == (
    'effnas: interrupted; the same command goes on with the search\n'
  )


def test_a_bug_keeps_its_traceback(monkeypatch):
  def broken(request):
    raise ZeroDivisionError

  monkeypatch.setattr(commands.load('zoo'), 'run', broken)
  with pytest.raises(ZeroDivisionError):
    main.run(['zoo'])


def test_help_does_not_wait_for_jax():
  heavy = ('jax', 'flax', 'numpy', 'ray', 'rich', 'sklearn', 'matplotlib')
  code = f"""
import sys
from effnas.cli import main
assert main.run(['--help']) == main.run(['--version']) == 0
assert main.run(['search', '--help']) == 0
assert main.run(['zoo', '--formt']) == 2
print([m for m in {heavy} if m in sys.modules])
"""
  done = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  )
  assert done.stdout.splitlines()[-1] == '[]'


def test_a_reader_that_leaves_is_no_error():
  done = subprocess.run(
    f'{sys.executable} -m effnas.cli.main --help | true; '
    'exit ${PIPESTATUS[0]}',
    shell=True,
    executable='/bin/bash',
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode in (0, 141)
  assert done.stderr == ''


def test_an_interrupt_while_it_imports_is_one_line(effnas, monkeypatch):
  class Interrupting:
    def find_spec(self, name, path=None, target=None):
      if name == 'effnas.cli.teach':
        raise KeyboardInterrupt

  monkeypatch.delitem(sys.modules, 'effnas.cli.teach')
  monkeypatch.delattr('effnas.cli.teach')
  monkeypatch.setattr(sys, 'meta_path', [Interrupting(), *sys.meta_path])
  result = effnas('--help')
  assert (result.code, result.out) == (130, '')
  assert result.err == 'effnas: interrupted\n'


def test_an_import_that_swallows_an_interrupt_ends(tmp_path):
  (tmp_path / 'swallowing.py').write_text(
    'import os, signal\n'
    'try:\n  os.kill(os.getpid(), signal.SIGINT)\n'
    'except KeyboardInterrupt:\n  raise ImportError("of another kind")\n'
  )
  done = subprocess.run(
    [sys.executable, '-m', 'effnas.cli.main', 'space', 'swallowing:f'],
    capture_output=True,
    text=True,
    cwd=tmp_path,
    check=False,
    env={
      **os.environ,
      'PYTHONPATH': os.pathsep.join(map(os.path.abspath, sys.path)),
    },
  )
  assert (done.returncode, done.stderr) == (130, 'effnas: interrupted\n')


def test_before_an_interrupt_is_caught_little_is_imported():
  code = """
import sys
import effnas.cli.main
print([m for m in sys.modules if m.split('.')[0] in ('absl', 'ml_collections')])
"""
  done = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  )
  assert done.stdout == '[]\n'


def test_a_current_folder_that_is_gone_is_one_line(
  effnas, tmp_path, monkeypatch
):
  gone = tmp_path / 'gone'
  gone.mkdir()
  monkeypatch.chdir(gone)
  gone.rmdir()
  assert 'the current folder cannot be used' in effnas('zoo').said
  assert effnas('--help').code == 0


def test_a_space_that_exits_is_one_line(effnas, tmp_path, monkeypatch):
  (tmp_path / 'exiting.py').write_text(
    'import sys\ndef space():\n  sys.exit("why\\n" * 999)\n'
  )
  monkeypatch.syspath_prepend(str(tmp_path))
  said = effnas('space', 'exiting:space', 'sample').said
  assert said.startswith('effnas: code of yours ended the command: sys.exit(')
  assert len(said) < 400


@pytest.mark.parametrize(
  ('argv', 'expected'),
  [
    (('report', 'n' * 300), 'File name too long'),
    (('space', 'hybrid', 'check', '--arch', f'{"n" * 300}.json'), 'too long'),
    (('report', 'a\x1b[31m\u202e'), r'a\x1b[31m\u202e'),
    (('report', 'a\0b'), r"may hold a NUL: 'a\x00b'"),
    (('space', 'x' * 4000, 'describe'), '[...]'),
  ],
)
def test_odd_words_are_one_short_line(effnas, argv, expected):
  said = effnas(*argv).said
  assert expected in said
  assert said[:-1].isprintable()
  assert len(said) < 320


@pytest.mark.parametrize(
  'error',
  [
    OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    OSError(errno.EROFS, os.strerror(errno.EROFS), '/read/only'),
    PermissionError(errno.EACCES, os.strerror(errno.EACCES), '/secret'),
  ],
)
def test_what_the_machine_refuses_is_one_line(effnas, monkeypatch, error):
  def refused(request):
    raise error

  monkeypatch.setattr(commands.load('zoo'), 'run', refused)
  said = effnas('zoo').said
  assert os.strerror(error.errno) in said
  assert (error.filename or '') in said
