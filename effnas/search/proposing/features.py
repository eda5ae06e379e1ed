"""Architectures as rows of numbers that models can learn from."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from effnas.space import choices


class Features:
  """Turns the architectures of a space into rows, a column for a decision.

  Attributes:
    keys: The decisions.
    sizes: How many options each has, shape (decisions,); 0 for a range.

  Example:
    >>> from effnas import space
    >>> s = space.Space((space.oneof('a', 'b'), space.uniform(0, 4)))
    >>> features = Features(s)
    >>> features.rows([{'0': 'b', '1': 1.0}]).tolist()
    [[1.0, 0.25]]
    >>> features.one_hot(features.rows([{'0': 'b', '1': 1.0}])).tolist()
    [[0.0, 1.0, 0.25]]
  """

  def __init__(self, space: Any):
    """Looks at a space.

    Args:
      space: The `effnas.space.Space`.
    """
    self._choices = space.decisions
    self.keys = list(self._choices)
    self.sizes = np.array(
      [
        len(choice.options) if isinstance(choice, choices.OneOf) else 0
        for choice in self._choices.values()
      ],
      int,
    )
    self._position = [  # of `True`, `1` and `1.0`, which are three options
      {(type(label), label): i for i, label in enumerate(choice.labels)}
      if isinstance(choice, choices.OneOf)
      else None
      for choice in self._choices.values()
    ]

  def rows(self, archs: Iterable[Mapping[str, Any]]) -> np.ndarray:
    """Returns a row for each architecture.

    Args:
      archs: Valid architectures.

    Returns:
      Shape (architectures, decisions): the number of the option, or the place
      in the range from 0 to 1; -1 where the decision is inactive.
    """
    return np.array([self._row(arch) for arch in archs], float).reshape(
      -1, len(self.keys)
    )

  def one_hot(self, rows: np.ndarray) -> np.ndarray:
    """Returns rows with a column for each option in place of its number.

    Args:
      rows: Of `rows`.

    Returns:
      Shape (architectures, width); zeros where a decision is inactive, and the
      middle of a range.
    """
    columns = []
    for column, size in zip(rows.T, self.sizes, strict=True):
      if size:
        columns.append(column[:, None] == np.arange(size))
      else:
        columns.append(np.where(column < 0, 0.5, column)[:, None])
    return np.concatenate([np.zeros((len(rows), 0)), *columns], axis=1)

  def apart(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns how far rows are apart in each decision.

    Args:
      a: Rows, shape (n, decisions).
      b: Rows, shape (m, decisions).

    Returns:
      Shape (decisions, n, m): for options 0 or 1, for ranges the distance; 1
      where the decision is active in one of the two only.
    """
    found = np.empty((len(self.keys), len(a), len(b)))
    for i, size in enumerate(self.sizes):
      x, y = a[:, i, None], b[None, :, i]
      if size:
        found[i] = x != y
      else:
        found[i] = np.where((x < 0) != (y < 0), 1.0, np.abs(x - y))
    return found

  def _row(self, arch: Mapping[str, Any]) -> list[float]:
    row = []
    for (key, choice), position in zip(
      self._choices.items(), self._position, strict=True
    ):
      if key not in arch:
        row.append(-1.0)
      elif position is not None:
        row.append(float(position[type(arch[key]), arch[key]]))
      else:
        row += choice.encode(arch[key])
    return row
