"""The report of a study: terminal table, pareto.csv, pareto.png, report.html.

`write(workdir)` makes the three files and returns the `Summary` that
`effnas.report.table.show` prints; `read(workdir)` only reads. Every number
comes from a line of trials.jsonl, and the report says from which.
"""

import pathlib

from effnas import files
from effnas.report.rows import read
from effnas.report.summary import Summary

__all__ = ['Summary', 'read', 'write']


def write(workdir: str | pathlib.Path) -> Summary:
  """Writes pareto.csv, pareto.png and report.html into the folder of a run.

  It may be called while the search still runs; a study without a finished
  trial gets files that say so.

  Args:
    workdir: The folder, with config.json and trials.jsonl.

  Returns:
    What the files show.

  Raises:
    UserError: The folder is none of a run, or cannot be written to; then all
      files are as they were.
  """
  # Drawing is loaded only when something is drawn.
  from effnas.report import front_csv, page, plot

  summary = read(workdir)
  # All are made before any is written: none stands beside another's older one.
  made: dict[str, bytes | str] = {
    'pareto.csv': front_csv.text(summary),
    'pareto.png': plot.picture(summary),
    'report.html': page.text(summary),
  }
  files.write_all({summary.workdir / name: made[name] for name in made})
  return summary
