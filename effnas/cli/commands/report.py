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

from effnas import errors
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

  try:
    summary = report.write(workdir)
  except OSError as e:
    raise errors.UserError(
      f'cannot write the report to {e.filename or workdir}: {e.strerror}'
    ) from None
  show(summary, request.flags.format)
  progress.tell(f'wrote {workdir}/report.html, pareto.png and pareto.csv')


def show(summary: Any, form: str) -> None:
  """Prints a summary.

  Args:
    summary: An `effnas.report.Summary`.
    form: 'table' or 'json'.
  """
  if form == 'json':
    print(summary.to_json())
    return
  from effnas.report import table

  table.show(summary)
