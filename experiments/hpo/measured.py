"""Tables of all points of a grid, measured once and kept in a file."""

from collections.abc import Iterator, Mapping
import json
import os
import pathlib
from typing import Any

import tasks

from effnas import data as data_lib
from effnas import files, train
from effnas.search.networks import candidate as candidate_lib
from effnas.train import step

HERE = pathlib.Path(__file__).parent
# A row: right answers on the validation images after each of `tasks.RUNGS`
# epochs, and on the test images after the last. None where the training had
# diverged by then.
Row = list[int | None]


def path(name: str) -> pathlib.Path:
  """Returns where the table of a task is kept."""
  return HERE / f'{name}.json'


def read(name: str) -> dict[str, Any]:
  """Returns the table of a task as far as it has been measured.

  Args:
    name: Of the task.

  Returns:
    'rows', one for each point of the grid in its order, None where it has not
    been measured; 'valid' and 'test', the number of images.
  """
  if not path(name).exists():
    return {'valid': 0, 'test': 0, 'rows': []}
  return json.loads(path(name).read_text(encoding='utf-8'))


def write(name: str, table: Mapping[str, Any]) -> None:
  """Writes the table of a task, ten rows to a line."""
  told = [json.dumps(row, separators=(',', ':')) for row in table['rows']]
  lines = [', '.join(told[i : i + 10]) for i in range(0, len(told), 10)]
  head = ', '.join(f'"{k}": {table[k]}' for k in ('valid', 'test'))
  body = ',\n'.join(lines)
  files.write(path(name), f'{{{head}, "rows": [\n{body}\n]}}\n')


def archs(name: str) -> list[dict[str, Any]]:
  """Returns the points of a task's grid, in order."""
  return list(candidate_lib.load_space(tasks.config(name)).grid())


def measure(
  name: str, folder: str | os.PathLike[str] | None
) -> Iterator[tuple[int, int]]:
  """Measures what the table of a task lacks, and writes it every so often.

  Points that share a compiled program follow each other.

  Args:
    name: Of the task.
    folder: Of its files.

  Yields:
    After each point how many there are and how many are still missing.
  """
  config = tasks.config(name, folder)
  dataset = candidate_lib.load_data(config)
  points, table = archs(name), read(name)
  if not table['rows']:
    table = {
      'valid': len(dataset.valid),
      'test': len(dataset.test),
      'rows': [None] * len(points),
    }

  def program(i: int) -> str:
    arch = points[i]
    return str([arch['train.batch_size'], arch['optim'], *_model(arch)])

  missing = [i for i, row in enumerate(table['rows']) if row is None]
  missing.sort(key=program)
  try:
    for done, i in enumerate(missing, 1):
      table['rows'][i] = row(config, points[i], dataset)
      if done % 50 == 0:
        write(name, table)
      yield len(points), len(missing) - done
  finally:
    write(name, table)


def row(
  config: Mapping[str, Any], arch: Mapping[str, Any], dataset: data_lib.Dataset
) -> Row:
  """Trains one point of a grid.

  Args:
    config: Of the task.
    arch: The point.
    dataset: Of the task.
  """
  found = candidate_lib.build(config, arch)
  settings = dict(found.train) | {'eval_every': 1}
  for key in ('init', 'checkpoint_every'):
    del settings[key]
  right: dict[int, int] = {}

  def note(epoch: int, metrics: Mapping[str, Any]) -> None:
    right[epoch] = round(metrics['accuracy'] * len(dataset.valid))

  try:
    fitted = train.fit(
      found.net, dataset, optim=found.optim, on_epoch=note, **settings
    )
    told = train.evaluate(found.net, fitted.variables, dataset.test, dataset)
    test = round(told['accuracy'] * len(dataset.test))
  except step.Diverged:
    test = None
  return [*(right.get(epoch) for epoch in tasks.RUNGS), test]


def _model(arch: Mapping[str, Any]) -> list[Any]:
  return [arch[key] for key in sorted(arch) if key.startswith('model.')]
