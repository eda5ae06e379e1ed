"""An arch as a vector of fixed length, and any vector as an arch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from effnas import errors
from effnas.space import choices, labels, plan

_INACTIVE = -1.0  # of a range; an inactive oneof is all zeros


def length(entries: Mapping[str, plan.Entry]) -> int:
  """The length of the vectors of a space."""
  return sum(_width(entry.choice) for entry in entries.values())


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
  parts = [np.zeros(0)]
  for key, entry in entries.items():
    choice = entry.choice
    if isinstance(choice, choices.OneOf):
      part = np.zeros(_width(choice))
      if key in arch:
        part[choice.position(arch[key])] = 1.0
    else:
      unit = choice.to_unit(arch[key]) if key in arch else _INACTIVE
      part = np.array([unit])
    parts.append(part)
  return np.concatenate(parts)


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
    start += _width(entry.choice)

  def decide(key: str, choice: choices.Choice) -> labels.Scalar:
    part = vector[starts[key] : starts[key] + _width(choice)]
    if isinstance(choice, choices.OneOf):
      return choice.labels[int(np.argmax(part))]
    return choice.from_unit(float(np.clip(part[0], 0.0, 1.0)))

  return decide


def _width(choice: choices.Choice) -> int:
  return len(choice.options) if isinstance(choice, choices.OneOf) else 1
