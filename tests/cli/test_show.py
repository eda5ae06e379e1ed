import json

from effnas.cli import show


def test_piped_tables_are_plain_and_whole(capsys):
  long = 'x' * 300
  show.table(['name', 'n'], [[long, 1234567], ['b', None]])
  lines = capsys.readouterr().out.splitlines()
  assert lines[2].split() == [long, '1,234,567']
  assert lines[3].split() == ['b', '-']
  assert lines[3].endswith('        -')  # figures stand to the right
  assert '\x1b' not in ''.join(lines)
  assert lines == [line.rstrip() for line in lines]


def test_markup_is_text(capsys):
  show.table(['what'], [['[bold]a[/bold]']])
  assert '[bold]a[/bold]' in capsys.readouterr().out


def test_json_keeps_every_figure(capsys):
  show.as_json({'n': 1234567890123, 'f': 0.1})
  assert json.loads(capsys.readouterr().out) == {'n': 1234567890123, 'f': 0.1}


def test_what_a_terminal_obeys_is_shown_in_titles_and_cells(capsys):
  show.table(['[red]a\x1b[0m'], [['one\ntwo\x9b31m'], ['\u202ethree']])
  lines = capsys.readouterr().out.splitlines()
  assert lines[0].strip() == r'[red]a\x1b[0m'
  assert [line.strip() for line in lines[2:]] == [
    r'one\ntwo\x9b31m',
    r'\u202ethree',
  ]
