"""What a network is asked about: the shape of its input, checked."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from effnas import errors


def shape(input_shape: Sequence[int], batch: Any = 1) -> tuple[int, ...]:
  """Returns the shape of a batch.

  Args:
    input_shape: Shape of one example, without the batch.
    batch: Examples.

  Returns:
    (batch, *input_shape), plain integers.

  Raises:
    UserError: One of them is no positive whole number.

  Example:
    >>> shape((224, 224, 3), 8)
    (8, 224, 224, 3)
  """
  whole = all(
    isinstance(n, int | np.integer) and not isinstance(n, bool)
    for n in (batch, *input_shape)
  )
  if not whole or min(batch, *input_shape, 1) < 1:
    raise errors.UserError(
      'an input shape and a batch are positive whole numbers; '
      f'got shape {tuple(input_shape)} and batch {batch}'
    )
  return (int(batch), *map(int, input_shape))
