"""Gradient-boosted trees, several of them, which differ in what they saw."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from effnas.search.proposing import features as features_lib
from effnas.space import choices


def fit(
  space: Any,
  archs: Sequence[Mapping[str, Any]],
  values: np.ndarray,
  rng: np.random.Generator,
  *,
  members: int = 5,
  trees: int = 150,
  depth: int = 4,
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
  """Fits trees on the rest that the trees before them leave.

  They need no scaling, take decisions that matter only together, and are hard
  to mislead by those that do not matter. Far from all data they say what they
  say at its edge, and their spread does not grow there.

  Args:
    space: The space.
    archs: Architectures.
    values: What they are worth, shape (architectures,).
    rng: The source of chance.
    members: How many boosted models; each weighs the data at random, and their
      disagreement is the spread.
    trees: How many in each.
    depth: Of a tree: how many decisions can matter together.

  Returns:
    As `effnas.search.predictors` has it.

  Reference:
    Friedman 2002, "Stochastic gradient boosting", Computational Statistics and
    Data Analysis 38(4), as scikit-learn has it; the weights are the bootstrap
    of Rubin 1981, "The Bayesian bootstrap".
  """
  from sklearn import ensemble

  columns = _Columns(space)
  inputs = columns.rows(archs)
  middle, unit = values.mean(), max(values.std(), 1e-12)
  # Rounded, so that the unit of the values decides no tie between two splits.
  targets = np.round((values - middle) / unit, 9)
  models = []
  for _ in range(members):
    model = ensemble.GradientBoostingRegressor(
      n_estimators=trees,
      max_depth=depth,
      subsample=0.7 if len(values) > 1 else 1.0,
      max_features=0.5,
      random_state=int(rng.integers(2**31)),
    )
    weights = rng.exponential(size=len(values))
    models.append(model.fit(inputs, targets, sample_weight=weights))

  def predict(
    asked: Iterable[Mapping[str, Any]],
  ) -> tuple[np.ndarray, np.ndarray]:
    rows = columns.rows(asked)
    if not len(rows):
      return np.zeros(0), np.zeros(0)
    told = np.stack([model.predict(rows) for model in models])
    spread = told.std(axis=0, ddof=min(1, members - 1))
    return middle + unit * told.mean(axis=0), unit * spread

  return predict


class _Columns:
  """A column for each range and each decision of numbers, else one-hot."""

  def __init__(self, space: Any):
    self._features = features_lib.Features(space)
    self._order = [_order(choice) for choice in space.decisions.values()]

  def rows(self, archs: Iterable[Mapping[str, Any]]) -> np.ndarray:
    rows = self._features.rows(archs)
    columns = [np.zeros((len(rows), 0))]
    for column, order, size in zip(
      rows.T, self._order, self._features.sizes, strict=True
    ):
      if order is None:
        columns.append(column[:, None] == np.arange(size))
      elif len(order):
        place = order[column.astype(int)]
        columns.append(np.where(column < 0, -1, place)[:, None])
      else:
        columns.append(column[:, None])
    return np.concatenate(columns, axis=1)


def _order(choice: Any) -> np.ndarray | None:
  """The place of each option among numbers; none for ranges; None for names."""
  if not isinstance(choice, choices.OneOf):
    return np.zeros(0, int)
  numbers = [label for label in choice.labels if isinstance(label, int | float)]
  if len(numbers) < len(choice.labels):
    return None
  return np.argsort(np.argsort(numbers, kind='stable'), kind='stable')
