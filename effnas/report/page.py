"""report.html: the whole study in one file that asks for nothing else.

The file holds its data as JSON beside a little script that draws from it; it
opens from a disk, a mail or a web server alike. Whatever text the journal
holds is data there, never markup.
"""

import html
import json
import pathlib
import re
from typing import Any

from effnas.report import archs, labels
from effnas.report import summary as summaries

_TEMPLATE = pathlib.Path(__file__).with_name('page.html')


def text(summary: summaries.Summary) -> str:
  """Returns the page of a study as the file's content.

  Args:
    summary: The study.
  """
  values = {
    'title': html.escape(summary.title() or summary.workdir.name),
    'summary': html.escape(summary.sentence()),
    'data': _inline(payload(summary)),
  }
  # One pass: a placeholder inside the data stays what it is.
  return re.sub(
    r'\{\{(\w+)\}\}',
    lambda match: values[match[1]],
    _TEMPLATE.read_text(encoding='utf-8'),
  )


def payload(summary: summaries.Summary) -> dict[str, Any]:
  """Returns the data that the page draws from, as JSON values.

  Args:
    summary: The study.

  Returns:
    `Summary.to_dict` and beside it what the page says in words: `columns` by
    metric name, those `shown` in tables, the `axes` to begin with, the
    `bounds` of constraints, the `origins` of estimates (a line for each
    metric), the choices `shared` by all trials, and for each
    trial its `text` by metric name and its `short` arch.
  """
  data = summary.to_dict()
  shared, own = archs.shorten([row.arch for row in summary.rows])
  data['shared'] = shared
  for trial, row, short in zip(data['trials'], summary.rows, own, strict=True):
    trial['short'] = short
    trial['text'] = {
      name: labels.value(name, number) for name, number in row.metrics.items()
    }
  data['bounds'] = {
    name: f'{_side(name)} {labels.value(name, bound)}'
    for name, bound in summary.constraints.items()
  }
  data['origins'] = summary.origins(summary.rows)
  data['shown'] = summary.columns()
  data['columns'] = {
    name: {
      'title': labels.title(name),
      'axis': labels.axis(name, summary.origin(name)),
      'unit': labels.unit(name),
      'scaled': labels.scaled(name),
      'maximize': labels.better(name),
    }
    for name in summary.metrics
  }
  names = summaries.axes(summary)
  data['axes'] = names if len(names) == 2 else ('trial', *names)
  return data


def _side(name: str) -> str:
  return 'at least' if labels.better(name) else 'at most'


def _inline(data: Any) -> str:
  """Writes JSON such that no text of it can end the script element."""
  text = json.dumps(data, separators=(',', ':'), allow_nan=False)
  for sign in '<>&':
    text = text.replace(sign, f'\\u{ord(sign):04x}')
  return text
