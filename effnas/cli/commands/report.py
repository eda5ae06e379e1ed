"""Shows a search: its Pareto front, as table, plot and page.

Reads config.json and trials.jsonl of a workdir, writes pareto.csv, pareto.png
and report.html beside them and prints the front. It may be called while the
search still runs.

Examples:
  effnas report runs/digits
  effnas report runs/digits --format=json | jq .front
"""

from typing import Any

from absl import flags

from effnas import terminal
from effnas.cli import progress
from effnas.cli import request as request_lib

USAGE = 'report DIR [--format=json]'


def define(values: flags.FlagValues) -> None:
  """Defines its flags."""
  request_lib.define_format(values)


def run(request: request_lib.Request) -> None:
  """Writes the report and prints the front."""
  (workdir,) = request.words('the workdir of a search')
  from effnas import report

  summary = report.write(workdir)
  show(summary, request.flags.format)
  progress.tell(f'wrote {workdir}/report.html, pareto.png and pareto.csv')


def show(summary: Any, form: str) -> None:
  """Prints a summary.

  Args:
    summary: An `effnas.report.Summary`.
    form: 'table' or 'json'.
  """
  if form == 'json':
    terminal.put(f'{summary.to_json()}\n')
    return
  from effnas.report import table

  table.show(summary)
