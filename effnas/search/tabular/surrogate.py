"""A surrogate of an incomplete table: what its other networks may be worth.

Nothing that it tells was measured, and all that it tells says so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
import math
from typing import Any

import numpy as np

from effnas import errors
from effnas.search import metrics, predictors
from effnas.search import problem as problem_lib
from effnas.search.tabular import table as table_lib

_LEAST = 10  # rows to fit to, or to be tried on


class Surrogate:
  """Predictors fitted to most rows of a table, and tried on the others.

  Attributes:
    name: Of the table.
    space: The whole space.
    held_out: Metric to what the predictor is worth on the rows that it has not
      seen: 'spearman', 'kendall', 'relative_error' (mean, as a share), 'fitted'
      and 'tried' (rows).
  """

  def __init__(
    self,
    table: table_lib.Table,
    names: Iterable[str],
    *,
    predictor: str = 'trees',
    seed: int = 0,
    share: float = 0.8,
    args: Mapping[str, Any] | None = None,
  ):
    """Fits.

    Args:
      table: The table.
      names: Metrics of it.
      predictor: Name of a file in `effnas/search/predictors`.
      seed: Of which rows are fitted to, and of the predictor.
      share: Of the rows that are fitted to.
      args: The predictor's own keyword arguments.

    Raises:
      UserError: The table lacks a metric, or has too few rows of it.
    """
    self.name, self.space = table.name, table.space
    self.held_out: dict[str, dict[str, float]] = {}
    self._how = {'predictor': predictor, 'seed': seed, 'share': share}
    self.provenance = table.provenance
    self._predict: dict[str, Callable[..., np.ndarray]] = {}
    number = isinstance(share, int | float) and not isinstance(share, bool)
    if not number or not 0 < share < 1:
      raise errors.UserError(
        f'surrogate.share must lie between 0 and 1, got {share!r}'
      )
    whole = isinstance(seed, int) and not isinstance(seed, bool)
    if not whole or seed < 0:
      raise errors.UserError(
        f'surrogate.seed must be a whole number of at least 0, got {seed!r}'
      )
    fit = predictors.load(predictor, args or {})
    order = np.random.default_rng(seed).permutation(len(table.archs))
    for name in dict.fromkeys(names):
      self._fit(table, name, fit, order, share, seed)

  def footprint(self, arch: Mapping[str, Any]) -> dict[str, float]:
    """Returns what an architecture is expected to cost, by metric."""
    return self._told(arch, footprint=True)

  def evaluate(self, arch: Mapping[str, Any]) -> dict[str, float]:
    """Returns the quality that is expected of an architecture, by metric."""
    return self._told(arch, footprint=False)

  def test(self, arch: Mapping[str, Any]) -> dict[str, Any]:
    """Returns nothing: what is expected cannot be tested."""
    del arch
    return {}

  def problem(
    self,
    objectives: Sequence[str],
    constraints: Mapping[str, float] | None = None,
    soft: Mapping[str, float] | None = None,
  ) -> problem_lib.Problem:
    """Returns the problem of the whole space, as far as it is expected.

    Args:
      objectives: Metrics that are fitted.
      constraints: Footprint metric to its bound.
      soft: Any metric to its bound.

    Raises:
      UserError: A metric is not fitted, or they cannot be searched for.
    """
    constraints, soft = dict(constraints or {}), dict(soft or {})
    problem_lib.check(objectives, constraints, soft)
    for name in (*objectives, *constraints, *soft):
      if name not in self._predict:
        raise errors.unknown(
          f'metric of the surrogate of {self.name}', name, self._predict
        )
    return problem_lib.Problem(
      self.space,
      tuple(objectives),
      self.footprint,
      constraints,
      {
        **self.provenance,
        'surrogate': {**self._how, 'held_out': self.held_out},
      },
      self.sources,
      soft=soft,
    )

  def sources(self, arch: Mapping[str, Any]) -> dict[str, str]:
    """Returns where each value comes from, with what that is worth.

    Args:
      arch: Not looked at: all come from the surrogate.
    """
    del arch
    return {
      name: f'surrogate of {self.name} (held-out Spearman '
      f'{found["spearman"]:.2f}, error {100 * found["relative_error"]:.1f} %)'
      for name, found in self.held_out.items()
    }

  def _fit(self, table, name, fit, order, share, seed):
    values = table.values(name)
    rows = [i for i in order.tolist() if math.isfinite(values[i])]
    cut = round(share * len(rows))
    seen, held = rows[:cut], rows[cut:]
    if min(len(seen), len(held)) < _LEAST:
      raise errors.UserError(
        f'a surrogate of {self.name} needs {_LEAST} rows with {name} to fit to '
        f'and {_LEAST} to be tried on, got {len(seen)} and {len(held)}'
      )
    # Costs are products, so that their logarithms are sums.
    product = metrics.parse(name).footprint and values[rows].min() > 0
    into, back = (np.log, np.exp) if product else (np.copy, np.copy)
    archs = [table.archs[i] for i in seen]
    rng = np.random.default_rng(seed)
    model = fit(self.space, archs, into(values[seen]), rng)
    self._predict[name] = lambda asked: back(model(asked)[0])
    told, true = (
      self._predict[name]([table.archs[i] for i in held]),
      values[held],
    )
    scale = np.maximum(np.abs(true), 1e-12)
    self.held_out[name] = {
      'spearman': spearman(told, true),
      'kendall': kendall(told, true),
      'relative_error': float((np.abs(told - true) / scale).mean()),
      'fitted': len(seen),
      'tried': len(held),
    }

  def _told(self, arch, footprint):
    self.space.check(arch)
    found = {}
    for name, predict in self._predict.items():
      known = metrics.parse(name)
      if known.footprint == footprint and not known.test:
        value = float(predict([arch])[0])
        found[name] = min(max(value, known.least), known.most)
    return found


def spearman(a: np.ndarray, b: np.ndarray) -> float:
  """Returns the correlation of ranks, 0 where one of them is constant.

  Args:
    a: Shape (points,).
    b: Shape (points,).

  Example:
    >>> spearman(np.array([1, 2, 3]), np.array([1, 8, 9]))
    1.0
  """
  ranks = [_ranks(x) - (len(x) - 1) / 2 for x in (a, b)]
  size = math.sqrt(float((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
  return round(float(ranks[0] @ ranks[1]) / size, 12) if size else 0.0


def kendall(a: np.ndarray, b: np.ndarray) -> float:
  """Returns Kendall's tau-b, 0 where one of them is constant.

  Args:
    a: Shape (points,).
    b: Shape (points,).

  Example:
    >>> kendall(np.array([1, 2, 3]), np.array([1, 9, 8])).__round__(3)
    0.333
  """
  x, y = (np.sign(np.subtract.outer(v, v)) for v in (a, b))
  size = math.sqrt(float((x**2).sum() * (y**2).sum()))
  return float((x * y).sum()) / size if size else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
  """From 0; equal values share the mean of theirs."""
  _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
  return (np.cumsum(counts) - (counts + 1) / 2)[place]
