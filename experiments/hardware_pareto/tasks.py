"""What is searched: accuracy against a cost, on complete tables."""

import dataclasses
import functools
import pathlib
from typing import Any

import numpy as np

from effnas.search import tables
from effnas.search.frontier import pareto
from effnas.search.tabular import table as table_lib

_FILES = {
  'nasbench201': 'nasbench201_12epoch.csv.gz',
  'nasbench_macro': 'nasbench_macro_cifar10.json',
}
_MARGIN = 0.1  # of the true front's range, from its worst to the reference


@dataclasses.dataclass(frozen=True)
class Task:
  """A table and two objectives.

  Attributes:
    table: Name of a table.
    cost: The objective beside the accuracy.
    dataset: Of NAS-Bench-201.
  """

  table: str
  cost: str
  dataset: str = ''

  @property
  def objectives(self) -> tuple[str, str]:
    """The names of both objectives."""
    return 'accuracy', self.cost


# The final ones. No setting was chosen on these costs, here or before.
FINAL = {
  'NAS-Bench-201, fpga': Task('nasbench201', 'latency_ms@fpga', 'cifar10'),
  'NAS-Bench-201, samsung_s7': Task(
    'nasbench201', 'latency_ms@samsung_s7', 'cifar10'
  ),
  'NAS-Bench-Macro, parameters': Task('nasbench_macro', 'params'),
}
# Those on which settings are chosen: other devices, another data set.
CHOICE = {
  'NAS-Bench-201 on CIFAR-100, gold_6226': Task(
    'nasbench201', 'latency_ms@gold_6226', 'cifar100'
  ),
  'NAS-Bench-201 on CIFAR-100, pixel2': Task(
    'nasbench201', 'latency_ms@pixel2', 'cifar100'
  ),
}


class Known:
  """A task with its table read, and its true front.

  Scores are scaled: 0 is the best value of the true front in an objective, 1
  its worst; the reference point is at 1.1 in both.

  Attributes:
    task: The task.
    table: Its table.
    scores: Of all rows, shape (rows, 2), to be minimised.
    front: How many rows no other dominates, equal ones counted once.
    volume: The hypervolume of all rows.
  """

  reference = (1 + _MARGIN, 1 + _MARGIN)

  def __init__(self, task: Task, folder: pathlib.Path):
    """Reads the table.

    Args:
      task: The task.
      folder: Where the published files are.
    """
    self.task = task
    self.table = _table(task.table, task.dataset, folder)
    raw = self.table.scores(task.objectives)
    best = np.unique(raw[pareto.front(raw)], axis=0)
    self._low = best.min(axis=0)
    self._span = best.max(axis=0) - self._low
    self.scores = self.scaled(raw)
    self.front = len(best)
    self.volume = pareto.hypervolume(self.scores, self.reference)

  def scaled(self, raw: np.ndarray) -> np.ndarray:
    """Scales objectives, shape (points, 2), to be minimised."""
    return (raw - self._low) / self._span

  def at(self, arch: dict[str, Any]) -> list[float]:
    """Returns the scaled scores of an architecture."""
    return self.scores[self.table.row(arch)].tolist()


@functools.cache
def _table(name: str, dataset: str, folder: pathlib.Path) -> table_lib.Table:
  options = {'dataset': dataset} if dataset else {}
  return tables.load(name, folder / _FILES[name], **options)
