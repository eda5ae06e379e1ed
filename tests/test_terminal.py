"""Text for the terminal: seen, never obeyed, whatever the encoding."""

import io
import os
import subprocess
import sys

import pytest

from effnas import errors, terminal

_NASTY = 'a\x1b]0;title\x07\x9b31m\u202eb\u200e\n\r\t\x00\ud800\u2028'


def test_what_a_terminal_obeys_is_an_escape():
  line = terminal.shown(_NASTY)
  assert line.isprintable()
  assert line.startswith(r'a\x1b]0;title\x07\x9b31m\u202eb\u200e\n\r\t\x00')
  assert terminal.shown('größer [red]→ 日本 🎉') == 'größer [red]→ 日本 🎉'


def test_a_long_error_keeps_its_beginning_and_its_end():
  line = terminal.brief(f'wrong {"x" * 5000}\n  known: a, b')
  assert len(line) <= 300
  assert line.startswith('wrong xxx')
  assert line.endswith('x known: a, b')
  assert '[...]' in line
  assert terminal.brief('short\n  enough') == 'short enough'


@pytest.mark.parametrize('encoding', ['ascii', 'latin-1', 'utf-8'])
def test_any_text_fits_any_encoding(monkeypatch, encoding):
  raw = io.BytesIO()
  monkeypatch.setattr(
    sys, 'stdout', io.TextIOWrapper(raw, encoding=encoding, newline='')
  )
  terminal.prepare()
  terminal.out('accuracy ↑ → ─ é 日', '\udcff')
  terminal.flush()
  text = raw.getvalue().decode(encoding)
  if encoding == 'utf-8':
    assert text == 'accuracy ↑ → ─ é 日\n\\udcff\n'
  else:
    assert text.startswith('accuracy ^ -> - ')
    assert text.endswith('\\u65e5\n\\udcff\n')


class _Full(io.StringIO):
  def write(self, text):
    raise OSError(28, os.strerror(28))

  flush = write


def test_a_full_standard_output_is_the_machines_one_line(monkeypatch):
  monkeypatch.setattr(sys, 'stdout', _Full())
  with pytest.raises(
    errors.MachineError, match='cannot write standard output: No space'
  ):
    terminal.out('x')


def test_a_full_standard_error_stops_nothing(monkeypatch):
  monkeypatch.setattr(sys, 'stderr', _Full())
  terminal.err('x')


@pytest.mark.parametrize(
  ('how', 'code', 'said'),
  [
    ('--version > /dev/full', 2, 'cannot write standard output: No space'),
    ('--version >&-', 0, ''),
    ('--version >&- 2>&-', 0, ''),
    ('--nonsense 2>&-', 2, ''),
    ('--nonsense 2> /dev/full', 2, ''),
  ],
)
def test_closed_or_full_streams_in_a_process(how, code, said):
  if not os.path.exists('/dev/full'):
    pytest.skip('this system has no /dev/full')
  done = subprocess.run(
    f'{sys.executable} -m effnas.cli.main {how}',
    shell=True,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == code, done
  assert done.stderr.count('\n') == (1 if said else 0), done
  assert said in done.stderr
