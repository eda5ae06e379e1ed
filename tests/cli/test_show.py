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
