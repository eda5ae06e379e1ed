"""What is known of a kernel that makes it smaller: zeros, few values."""

import dataclasses
import math
from typing import Any

import numpy as np

from effnas import errors

_MOST = 256  # what an index of eight bits tells apart


@dataclasses.dataclass(frozen=True, eq=False)
class Form:
  """How a kernel is stored.

  Attributes:
    living: Mask of the kernel's shape, true where a weight lives: the others
      are zeros and are not stored, but a bit for each weight is. Where only
      sizes are asked for, the number of living weights says enough.
    palette: The living weights have at most so many distinct values, 2 to 256:
      indices of ceil(log2) bits and the values themselves are stored.
    huffman: Whether indices and runs of zeros are Huffman-coded where that is
      smaller than indices of one width and a mask. Without a palette the
      weights of dtypes of up to 8 bits are coded as they are.
    book: Kernels that name the same book share one palette, stored once.

  Raises:
    UserError: A palette of other sizes, or a book without a palette.

  Example:
    >>> Form(palette=1)
    Traceback (most recent call last):
    effnas.errors.UserError: a palette has 2 to 256 values; got 1
  """

  living: Any = None
  palette: int | None = None
  huffman: bool = False
  book: str | None = None

  def __post_init__(self):
    k = self.palette
    whole = isinstance(k, int | np.integer) and not isinstance(k, bool)
    if k is not None and not (whole and 2 <= k <= _MOST):
      raise errors.UserError(f'a palette has 2 to {_MOST} values; got {k!r}')
    if self.book is not None and k is None:
      raise errors.UserError(
        f'the book {self.book!r} is one of values; say palette=k, how many'
      )

  def mask(self, path: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """Returns the mask of living weights, or None.

    Args:
      path: Of the kernel, for the error.
      shape: Of the kernel.

    Raises:
      UserError: It is no bool array of the kernel's shape.
    """
    return None if self.living is None else _mask(self.living, path, shape)

  def count(self, path: str, shape: tuple[int, ...]) -> int | None:
    """Returns the number of living weights, or None where all are stored.

    Args:
      path: Of the kernel, for the error.
      shape: Of the kernel.

    Raises:
      UserError: It is neither a mask nor a number that the kernel can have.
    """
    if self.living is None:
      return None
    if np.ndim(self.living):
      return int(np.sum(_mask(self.living, path, shape)))
    size, number = math.prod(shape), np.asarray(self.living)
    if number.dtype.kind not in 'iu' or not 0 <= number <= size:
      raise errors.UserError(
        f'{path!r} has 0 to {size} living weights; got {self.living!r}'
      )
    return int(number)


def _mask(living, path, shape) -> np.ndarray:
  mask = np.asarray(living)
  if mask.dtype != bool or mask.shape != shape:
    raise errors.UserError(
      f'{path!r} is stored by a bool mask of its shape {shape}; got '
      f'{mask.dtype} {mask.shape}'
    )
  return mask
