"""An ensemble of small neural networks, as BANANAS has it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from effnas import errors
from effnas.search.proposing import ensemble, paths
from effnas.search.proposing import features as features_lib

_ENCODINGS = ('one_hot', 'paths')


def fit(
  space: Any,
  archs: Sequence[Mapping[str, Any]],
  values: np.ndarray,
  rng: np.random.Generator,
  *,
  members: int = 5,
  width: int = 32,
  steps: int = 150,
  encoding: str = 'one_hot',
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
  """Fits networks of two hidden layers; their disagreement is the spread.

  Args:
    space: The space.
    archs: Architectures.
    values: What they are worth, shape (architectures,).
    rng: The source of chance.
    members: How many networks.
    width: Of their hidden layers.
    steps: Of Adam, on all architectures at once.
    encoding: 'one_hot', a column for each option, for any space; or 'paths', a
      column for each path through a cell, see `effnas.search.proposing.paths`.

  Returns:
    As `effnas.search.predictors` has it.

  Raises:
    UserError: There is no such encoding, or the space is no cell.

  Reference:
    See `effnas.search.proposing.ensemble`.
  """
  inputs = _inputs(space, encoding)
  model = ensemble.Ensemble(
    inputs(archs), values, rng, members=members, width=width, steps=steps
  )

  def predict(
    asked: Iterable[Mapping[str, Any]],
  ) -> tuple[np.ndarray, np.ndarray]:
    told = model.predict(inputs(asked))
    return told.mean(axis=0), told.std(axis=0, ddof=min(1, members - 1))

  return predict


def _inputs(
  space: Any, encoding: str
) -> Callable[[Iterable[Mapping[str, Any]]], np.ndarray]:
  if encoding not in _ENCODINGS:
    raise errors.unknown('encoding of predictor networks', encoding, _ENCODINGS)
  if encoding == 'one_hot':
    features = features_lib.Features(space)
    return lambda archs: features.one_hot(features.rows(archs))
  if not paths.is_cell(space):
    raise errors.UserError(
      "networks.encoding 'paths' is for spaces whose decisions are the edges "
      "of a cell (keys 'edge_I_J', as in nasbench201); take 'one_hot'"
    )
  return paths.Cells(space).rows
