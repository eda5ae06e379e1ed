"""An arch as a vector of fixed length, and any vector as an arch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from effnas import errors
from effnas.space import choices, labels, plan


def length(entries: Mapping[str, plan.Entry]) -> int:
  """The length of the vectors of a space."""
  return sum(entry.choice.width for entry in entries.values())


def encode(
  entries: Mapping[str, plan.Entry], arch: Mapping[str, Any]
) -> np.ndarray:
  """Encodes a valid arch.

  Args:
    entries: All keys of the space.
    arch: A valid arch.

  Returns:
    A float64 vector with the keys' parts one after another: one-hot for a
    oneof, a number in [0, 1] for a range (of the logarithm for loguniform);
    zeros and -1 where they are inactive.
  """
  parts: list[float] = []
  for key, entry in entries.items():
    choice = entry.choice
    absent = [choice.inactive] * choice.width
    parts += choice.encode(arch[key]) if key in arch else absent
  return np.array(parts, np.float64)


def decoder(entries: Mapping[str, plan.Entry], vector: Any) -> plan.Decide:
  """Reads decisions from a vector.

  Args:
    entries: All keys of the space.
    vector: Any numbers, as many as `length(entries)`.

  Returns:
    A callback for `plan.walk` that takes the largest of a one-hot part, and the
    nearest value of a range.

  Raises:
    UserError: Where the vector has another length.
  """
  vector = np.asarray(vector, np.float64)
  if vector.shape != (length(entries),):
    raise errors.UserError(
      f'a vector of this space has the shape ({length(entries)},), '
      f'got {vector.shape}'
    )
  vector = np.nan_to_num(vector)
  starts, start = {}, 0
  for key, entry in entries.items():
    starts[key] = start
    start += entry.choice.width

  def decide(key: str, choice: choices.Choice) -> labels.Scalar:
    return choice.decode(vector[starts[key] :][: choice.width])

  return decide
