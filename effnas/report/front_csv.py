"""pareto.csv: the front with exact numbers, for other programs.

One row per trial of the front, in the order of the report. Columns:

- `trial`: the trial's id in trials.jsonl;
- one column per metric that a trial of the study has, objectives first, under
  its name in the journal and in its unit (`latency_ms@...` in milliseconds,
  `size_bytes` in bytes): Python's `repr`, so that reading it gives the very
  number; empty where the trial lacks it;
- `source of ...`: for each metric that is estimated (latencies, throughputs,
  compiled memory), where the trial's value comes from, or why it has none;
- `lines`: the lines of trials.jsonl (counted from 1) that hold these numbers,
  separated by spaces;
- `arch`: the architecture as a JSON object.

A study without a finished trial gives the header alone.
"""

import json
from typing import Any

from effnas import files
from effnas.report import summary as summaries


def text(summary: summaries.Summary) -> str:
  """Returns the front of a study as the file's content.

  Args:
    summary: The study.
  """
  names = summary.metrics
  sources = [f'source of {name}' for name in summary.sources]
  rows: list[list[Any]] = [['trial', *names, *sources, 'lines', 'arch']]
  for row in summary.front:
    numbers = [repr(row.metrics[n]) if n in row.metrics else '' for n in names]
    lines = ' '.join(str(line) for line in sorted(set(row.lines.values())))
    told = [row.sources.get(name, '') for name in summary.sources]
    arch = json.dumps(row.arch)
    rows.append([row.trial, *numbers, *told, lines, arch])
  return files.table(rows)
