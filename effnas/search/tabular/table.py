"""A tabular benchmark: results of networks that others have trained.

A search that looks its trials up takes seconds instead of years of training.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
import math
from typing import Any

import numpy as np

from effnas import errors
from effnas.search import metrics, plain
from effnas.search import problem as problem_lib
from effnas.search.tabular import listed_space


@dataclasses.dataclass(frozen=True)
class Table:
  """Architectures of a space, and what is known of each.

  Attributes:
    name: Of the benchmark.
    space: The `effnas.space.Space` that it is about, whole.
    archs: A point of the space for each row, none twice.
    columns: Metric to the value of each row, shape (rows,); nan where a row
      has none. Whether it is quality, cost or taken on the test set is said by
      its name, see `effnas.search.metrics`.
    provenance: Where the file comes from, as JSON values.
  """

  name: str
  space: Any
  archs: Sequence[Mapping[str, Any]]
  columns: Mapping[str, np.ndarray]
  provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  def __post_init__(self) -> None:
    if len(self._numbers) != len(self.archs):
      raise errors.UserError(f'{self.name}: two rows are about one network')
    for name, metric in self._parsed.items():
      self._check(name, metric)

  @property
  def complete(self) -> bool:
    """Whether it has a row for every architecture of the space."""
    return len(self.archs) == self.space.size

  def _check(self, name: str, metric: metrics.Metric) -> None:
    """Finds a value that cannot be one of a metric."""
    values = np.asarray(self.columns[name], float)
    inside = (metric.least <= values) & (values <= metric.most)
    bad = ~(np.isnan(values) | (np.isfinite(values) & inside))
    if bad.any():
      row = int(bad.argmax())
      raise errors.UserError(
        f'{self.name}, row {row + 1}: {name} must be {metric.range}, got '
        f'{values[row]:g}'
      )

  @functools.cached_property
  def _numbers(self) -> dict[str, int]:
    """The number of each row, by the key of its architecture."""
    return {plain.key(arch): i for i, arch in enumerate(self.archs)}

  def row(self, arch: Mapping[str, Any]) -> int:
    """Returns the number of the row of an architecture.

    Args:
      arch: A point of the space.

    Raises:
      UserError: The table has none, or it is no point of the space.
    """
    number = self._numbers.get(plain.key(arch))
    if number is None:
      self.space.check(arch)
      raise errors.UserError(
        f'{self.name} has no row for this network: its {len(self.archs):,} '
        f'rows are of a space of {self.space.size:,}; search '
        'table.problem(...).space, which has no others'
      )
    return number

  def footprint(self, arch: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what an architecture costs, by metric.

    Args:
      arch: A point of the space.

    Raises:
      UserError: The table has no row for it.
    """
    return self._told(arch, lambda metric: metric.footprint)

  def evaluate(self, arch: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the quality of an architecture, by metric, none on test data.

    Args:
      arch: A point of the space.

    Raises:
      UserError: The table has no row for it.
    """
    return self._told(arch, lambda m: not (m.footprint or m.test))

  def test(self, arch: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the quality on test data: 'test_accuracy' and so on.

    Args:
      arch: A point of the space.

    Raises:
      UserError: The table has no row for it.
    """
    return self._told(arch, lambda metric: metric.test)

  def values(self, metric: str) -> np.ndarray:
    """Returns a metric of all rows.

    Args:
      metric: Its name.

    Returns:
      Shape (rows,), nan where a row has none.

    Raises:
      UserError: The table does not have it.
    """
    if metric not in self.columns:
      raise errors.unknown(f'metric of {self.name}', metric, self.columns)
    return self.columns[metric]

  def scores(self, objectives: Sequence[str]) -> np.ndarray:
    """Returns objectives of all rows, turned so that less is better.

    Args:
      objectives: Names of metrics.

    Returns:
      Shape (rows, objectives), nan where a row has none.
    """
    signs = [-1 if metrics.parse(name).maximize else 1 for name in objectives]
    columns = [
      sign * self.values(name).astype(float)
      for sign, name in zip(signs, objectives, strict=True)
    ]
    return np.stack(columns, axis=1)

  def problem(
    self,
    objectives: Sequence[str],
    constraints: Mapping[str, float] | None = None,
    soft: Mapping[str, float] | None = None,
  ) -> problem_lib.Problem:
    """Returns the problem of finding the table's best rows.

    Where the table is not complete, or rows lack a metric that is asked for,
    the problem's space is that of the rows that have them all; see
    `effnas.search.tabular.listed_space`.

    Args:
      objectives: Names of metrics.
      constraints: Footprint metric to its bound.
      soft: Any metric to its bound, see `effnas.search.problem`.

    Raises:
      UserError: The table lacks a metric, or they cannot be searched for.
    """
    constraints, soft = dict(constraints or {}), dict(soft or {})
    problem_lib.check(objectives, constraints, soft)
    there = np.full(len(self.archs), True)
    for name in (*objectives, *constraints, *soft):
      there &= np.isfinite(self.values(name))
    space = self.space
    if not (self.complete and there.all()):
      kept = [self.archs[i] for i in np.flatnonzero(there).tolist()]
      space = listed_space.ListedSpace(self.space.tree, kept, self.name)
    return problem_lib.Problem(
      space,
      tuple(objectives),
      self.footprint,
      constraints,
      self.provenance,
      self._sources,
      soft=soft,
    )

  def _told(
    self, arch: Mapping[str, Any], wanted: Callable[[metrics.Metric], bool]
  ) -> dict[str, Any]:
    number = self.row(arch)
    return {
      name: int(value) if value.is_integer() else value
      for name, metric in self._parsed.items()
      if wanted(metric)
      and math.isfinite(value := float(self.columns[name][number]))
    }

  def _sources(self, arch: Mapping[str, Any]) -> dict[str, str]:
    del arch
    return {
      name: f'table of {self.name}'
      for name, metric in self._parsed.items()
      if metric.footprint and metric.target
    }

  @functools.cached_property
  def _parsed(self) -> dict[str, metrics.Metric]:
    return {name: metrics.parse(name) for name in self.columns}
