"""Small whole numbers as bytes: of one width, or under a Huffman code."""

import struct

import numpy as np

from effnas import errors
from effnas.compress.coding import huffman

_HEAD = struct.Struct('<II')  # symbols, bytes of their words


class Reader:
  """Reads bytes from the front; what is not there is a `UserError`.

  Args:
    data: uint8 [n].
  """

  def __init__(self, data: np.ndarray):
    self._left = data

  def take(self, n: int) -> np.ndarray:
    """Returns the next n bytes."""
    if n > self._left.size:
      raise errors.UserError(
        f'stored bytes end early: {n} more are due, {self._left.size} are left'
      )
    taken, self._left = self._left[:n], self._left[n:]
    return taken

  def numbers(self, form: struct.Struct) -> tuple[int, ...]:
    """Returns the next numbers of a struct."""
    return form.unpack(self.take(form.size).tobytes())

  def end(self) -> None:
    """Refuses bytes that are left over."""
    if self._left.size:
      raise errors.UserError(f'{self._left.size} stored bytes are too many')


def coded(symbols: np.ndarray, n: int) -> bytes:
  """Codes symbols: their number, the code's lengths, the words.

  Args:
    symbols: Integers below n.
    n: Symbols that there can be, which is the bytes of the code's lengths.

  Returns:
    8 + n + ceil(coded bits / 8) bytes.
  """
  code = huffman.lengths(np.bincount(symbols, minlength=n))
  words = huffman.encode(symbols, code)
  return _HEAD.pack(symbols.size, words.size) + code.tobytes() + words.tobytes()


def plain(reader: Reader, n: int) -> np.ndarray:
  """Undoes `coded`.

  Args:
    reader: At the first byte.
    n: Symbols that there can be.

  Returns:
    int64.

  Raises:
    UserError: The bytes end early, or no such code is among them.
  """
  size, length = reader.numbers(_HEAD)
  code = reader.take(n)
  return huffman.decode(reader.take(length), code, size)
