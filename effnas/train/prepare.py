"""A data set's preprocessing as a hashable function."""

from typing import Any

import jax
import numpy as np


class Prepare:
  """`dataset.prepare`, equal for data sets that prepare alike.

  The compiled functions are kept by it: two trials that each loaded the same
  data set share them.

  Attributes:
    key: What decides equality: the function, and the kind, mean and standard
      deviation it may read from the data set.
  """

  def __init__(self, dataset: Any):
    self._call = dataset.prepare
    self.key = (
      getattr(self._call, '__func__', self._call),
      getattr(dataset, 'kind', None),
      _tuple(getattr(dataset, 'mean', None)),
      _tuple(getattr(dataset, 'std', None)),
    )

  def __call__(self, x: Any) -> jax.Array:
    """Returns the batch as the network takes it."""
    return self._call(x)

  def __eq__(self, other: object) -> bool:
    return isinstance(other, Prepare) and self.key == other.key

  def __hash__(self) -> int:
    return hash(self.key)


def _tuple(value: Any) -> Any:
  return None if value is None else tuple(np.ravel(value).tolist())
