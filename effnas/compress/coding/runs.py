"""Where the weights are that pruning left: lengths of the runs of zeros.

Reference:
  Han et al., 2016, Deep Compression, https://arxiv.org/abs/1510.00149, section
  2, whose runs that are too long end in a weight of zero. Here the highest
  symbol says that a run goes on, so that no weight is spent on it.
"""

import numpy as np

from effnas import errors

_BITS = range(2, 9)


def encode(mask: np.ndarray, bits: int) -> np.ndarray:
  """Counts the zeros before each weight that is left.

  Args:
    mask: Bool, any shape; True where a weight is left.
    bits: Of a symbol, 2 to 8.

  Returns:
    uint8 symbols: a number s below 2**bits - 1 is s zeros and a weight, and
    2**bits - 1 is so many zeros and no weight. Zeros behind the last weight
    have no symbol.

  Raises:
    UserError: Other bits.

  Example:
    >>> encode(np.array([0, 1, 1, 0, 0, 0, 0, 1], bool), 2).tolist()
    [1, 0, 3, 1]
  """
  most = _most(bits)
  places = np.flatnonzero(mask)
  zeros = np.diff(places, prepend=-1) - 1
  long = zeros // most
  symbols = np.full(len(zeros) + int(long.sum()), most, np.uint8)
  symbols[np.cumsum(long + 1) - 1] = zeros % most
  return symbols


def decode(symbols: np.ndarray, bits: int, shape: tuple[int, ...]):
  """Undoes `encode`.

  Args:
    symbols: What `encode` returned.
    bits: Of a symbol.
    shape: Of the mask.

  Returns:
    The mask, bool.

  Raises:
    UserError: Other bits, or symbols that reach beyond the shape.

  Example:
    >>> decode(np.array([1, 0, 3, 1]), 2, (2, 4)).astype(int).tolist()
    [[0, 1, 1, 0], [0, 0, 0, 1]]
  """
  symbols, most = np.asarray(symbols, np.int64), _most(bits)
  weight = symbols < most
  ends = np.cumsum(symbols + weight)
  mask, last = np.zeros(shape, bool), int(ends[-1]) if ends.size else 0
  if last > mask.size:
    raise errors.UserError(
      f'runs of zeros of {last} weights do not fit into the shape {shape}'
    )
  mask.ravel()[ends[weight] - 1] = True
  return mask


def best_bits(mask: np.ndarray) -> int:
  """Returns the bits with which the packed symbols of a mask are smallest.

  Example:
    >>> best_bits(np.arange(64) % 16 == 15)
    5
  """
  return min(_BITS, key=lambda bits: encode(mask, bits).size * bits)


def _most(bits: int) -> int:
  if bits not in _BITS:
    raise errors.UserError(f'runs of zeros have 2 to 8 bits; got {bits!r}')
  return 2**bits - 1
