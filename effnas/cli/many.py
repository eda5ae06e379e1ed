"""The footprints of many archs of one space: a row for each."""

import csv
import io
from typing import Any

from effnas import errors, terminal
from effnas.cli import listed, progress, show
from effnas.cli import request as request_lib


def run(request: request_lib.Request, targets: list[str]) -> None:
  """Prints params, MACs, memory and a latency of each arch of a file.

  Args:
    request: With the flags of `effnas footprint`: archs, space, args, batch,
      input.
    targets: The one target.
  """
  request.words()
  given = request.flags
  if len(targets) != 1:
    raise errors.UserError(
      f'--archs takes one --target; got {", ".join(targets)}'
    )
  for flag in ('layers', 'compile', 'weights', 'activations', 'init', 'arch'):
    if given[flag].value not in (None, False):
      raise errors.UserError(f'--{flag} does not go with --archs')
  from effnas import footprint

  of = listed.space(request)
  archs = listed.read(given.archs, of.name)
  (target,) = targets
  found = footprint.batch(
    of.space,
    progress.track(archs, 'network', len(archs)),
    of.input_shape,
    batch=given.batch,
    targets=[target],
    input_dtype=of.input_dtype,
    sources=True,
  )
  columns = {
    'params': found['params'],
    'macs': found['macs'],
    'peak_memory_bytes': found['peak_memory_bytes'],
    'latency_ms': found[f'latency_ms@{target}'],
    'source': found[f'source of latency_ms@{target}'],
  }
  table = [
    dict(zip(columns, values, strict=True))
    for values in zip(*(c.tolist() for c in columns.values()), strict=True)
  ]
  _print(table, list(columns), target, given.format)


def _print(
  table: list[dict[str, Any]], columns: list[str], target: str, form: str
) -> None:
  if form == 'json':
    show.as_json({'target': target, 'archs': table})
    return
  if form == 'csv':
    text = io.StringIO()
    out = csv.DictWriter(text, columns, lineterminator='\n')
    out.writeheader()
    out.writerows(table)
    terminal.out(*text.getvalue().splitlines())
    return
  from effnas.report import labels

  show.table(
    ['row', 'parameters', 'MACs', 'peak memory', f'latency on {target}', ''],
    [
      [
        i,
        row['params'],
        labels.bounded(f'{row["macs"]:,}', row['source']),
        labels.value('peak_memory_bytes', row['peak_memory_bytes']),
        labels.bounded(
          labels.value('latency_ms', row['latency_ms']), row['source']
        ),
        row['source'],
      ]
      for i, row in enumerate(table)
    ],
  )
