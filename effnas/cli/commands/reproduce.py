"""Runs an experiment of the repository; prints ours beside the published.

Without a name it lists the experiments and what each is about. With one it runs
the experiment's run.py and then prints the tables of its README, which hold our
figures beside the published ones; they are those of its results.json. What
stands behind `--` is handed to run.py, and so is --data.

Some take minutes and some take hours; most go on where they were cut off. What
an experiment needs and takes, and what was run for its tables, stands in its
README, experiments/NAME/README.md. --table runs nothing.

The experiments are part of a checkout of the repository and are not installed
with the package.

Examples:
  effnas reproduce
  effnas reproduce survey_guide --table
  effnas reproduce nasbench201 --data=nasbench201.csv.gz
  effnas reproduce survey_guide --data=cifar10 -- --cells=0.05/aug --epochs=3
"""

from collections.abc import Iterator
import pathlib
import re
import subprocess
import sys
from typing import TypedDict

from absl import flags

import effnas
from effnas import errors, terminal
from effnas.cli import progress, show
from effnas.cli import request as request_lib

USAGE = 'reproduce [NAME] [--data=PATH] [--table] [-- FLAGS OF ITS run.py]'


class _Table(TypedDict):
  """A table of a README: under which heading, its heads, its rows."""

  under: str
  heads: list[str]
  rows: list[list[str]]


def define(values: flags.FlagValues) -> None:
  """Defines its flags."""
  flags.DEFINE_string(
    'data', None, 'The data, handed to run.py as it is.', flag_values=values
  )
  flags.DEFINE_bool(
    'table', False, 'Only print the tables; run nothing.', flag_values=values
  )
  request_lib.define_format(values)


def run(request: request_lib.Request) -> None:
  """Lists the experiments, or runs one."""
  known = _experiments()
  if not request.args:
    _list(known, request)
    return
  name, *further = request.args
  if name not in known:
    raise errors.unknown('experiment', name, known)
  stray = [word for word in further if not word.startswith('-')]
  if further and stray == further:
    raise errors.UserError(
      f'reproduce runs one experiment; what run.py takes are flags behind --, '
      f'got {stray[0]!r}'
    )
  if request.flags.data is not None:
    further = [f'--data={request.flags.data}', *further]
  folder = known[name]
  if not request.flags.table:
    _need(folder, further)
    _run(folder, further)
  elif further:
    raise errors.UserError(
      f'--table runs nothing, and {further[0]!r} is for run.py: leave out one '
      'of them'
    )
  tables = list(_tables(_readme(folder)))
  if request.flags.format == 'json':
    show.as_json({'name': name, 'title': _title(folder), 'tables': tables})
    return
  terminal.out(f'{name}: {_title(folder)}')
  for table in tables:
    _show(table)
  progress.tell(f'what was run, and what it says: {folder / "README.md"}')


def _experiments() -> dict[str, pathlib.Path]:
  """Returns the folders of a checkout that can be run, by name."""
  root = pathlib.Path(effnas.__file__).parent.parent
  for place in (root / 'experiments', pathlib.Path('experiments').absolute()):
    found = {
      file.parent.name: file.parent
      for file in sorted(place.glob('*/run.py'))
      if (file.parent / 'README.md').is_file()
    }
    if found:
      return found
  raise errors.UserError(
    'there is no folder of experiments: they are not installed with the '
    'package; run this in a checkout of the repository'
  )


def _list(known: dict[str, pathlib.Path], request: request_lib.Request) -> None:
  if request.flags.data is not None or request.flags.table:
    raise errors.UserError(
      f'reproduce --data and --table need the name of an experiment: '
      f'{", ".join(known)}'
    )
  rows = [{'name': name, 'title': _title(known[name])} for name in known]
  if request.flags.format == 'json':
    show.as_json(rows)
    return
  show.table(['name', 'title'], [list(row.values()) for row in rows])


def _need(folder: pathlib.Path, further: list[str]) -> None:
  """Raises where a flag is missing that run.py cannot do without."""
  text = (folder / 'run.py').read_text(encoding='utf-8')
  words = [word.lstrip('-').partition('=')[0] for word in further]
  for name in re.findall(r"mark_flag_as_required\('(\w+)'\)", text):
    if name not in words and 'help' not in words:
      about = re.search(rf"DEFINE_\w+\(\s*'{name}', None, '([^']*)'", text)
      what = about[1].rstrip('.') if about else 'it cannot do without'
      raise errors.UserError(
        f'reproduce {folder.name} needs --{name}: {what}; where it comes from '
        f'is told in {folder / "README.md"}'
      )


def _run(folder: pathlib.Path, further: list[str]) -> None:
  """Runs an experiment as its README does, in this Python."""
  done = subprocess.run(
    [sys.executable, str(folder / 'run.py'), *further],
    # To standard error: progress, and the tables of below once more.
    stdout=2,
    check=False,
  )
  if done.returncode:
    raise errors.UserError(
      f'run.py of {folder.name} ended with exit code {done.returncode}, see '
      f'above; its flags stand behind --, and in {folder / "README.md"}'
    )


def _readme(folder: pathlib.Path) -> list[str]:
  text = (folder / 'README.md').read_text(encoding='utf-8')
  return text.splitlines()


def _title(folder: pathlib.Path) -> str:
  """Returns the first line of the README."""
  return next(iter(_readme(folder)), '').lstrip('# ').strip()


def _tables(lines: list[str]) -> Iterator[_Table]:
  """Yields the tables of a README."""
  heading = ''
  rows: list[list[str]] = []
  for line in [*lines, '']:
    if line.startswith('|'):
      rows.append([cell.strip() for cell in line.strip().strip('|').split('|')])
      continue
    if len(rows) > 2:
      # The second line is the rule between the heads and the rest.
      yield {'under': heading, 'heads': rows[0], 'rows': rows[2:]}
    rows = []
    bold = line.startswith('**') and line.endswith('**')
    if line.startswith('#') or bold:
      heading = line.strip('#* ')


def _show(table: _Table) -> None:
  heads, rows = table['heads'], table['rows']
  width = max(len(row) for row in [heads, *rows])
  full = [[*row, *[''] * (width - len(row))] for row in [heads, *rows]]
  terminal.out('', table['under'], '')
  show.table(full[0], full[1:])
