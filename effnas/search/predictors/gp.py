"""A Gaussian process: few architectures, and a spread that can be believed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from effnas.search.proposing import features as features_lib
from effnas.search.proposing import gaussian_process

_CHUNK = 256  # architectures whose distances are held at once


def fit(
  space: Any,
  archs: Sequence[Mapping[str, Any]],
  values: np.ndarray,
  rng: np.random.Generator,
  *,
  most: int = 500,
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
  """Fits a process whose kernel knows options from ranges.

  Args:
    space: The space.
    archs: Architectures.
    values: What they are worth, shape (architectures,).
    rng: The source of chance, for which architectures are learned from.
    most: How many at most: time goes with the cube of it.

  Returns:
    As `effnas.search.predictors` has it.

  Reference:
    See `effnas.search.proposing.gaussian_process`.
  """
  kept = np.arange(len(values))
  if len(kept) > most:
    kept = np.sort(rng.choice(len(kept), most, replace=False))
  features = features_lib.Features(space)
  known = features.rows(archs[i] for i in kept.tolist())
  model = gaussian_process.GaussianProcess(
    features.apart(known, known), values[kept]
  )

  def predict(
    asked: Iterable[Mapping[str, Any]],
  ) -> tuple[np.ndarray, np.ndarray]:
    rows = features.rows(asked)
    told = [
      model.predict(features.apart(rows[i : i + _CHUNK], known))
      for i in range(0, len(rows), _CHUNK)
    ]
    mean, spread = zip(*told, strict=True) if told else ([], [])
    return np.concatenate([[], *mean]), np.concatenate([[], *spread])

  return predict
