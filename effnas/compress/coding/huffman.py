"""Canonical Huffman codes: symbols in as few bits as whole bits allow.

Host code on NumPy arrays: the length of a coded tensor depends on its values,
which no compiled program can have. The code's lengths are all that has to be
stored beside the coded bits.

Reference:
  Huffman, "A method for the construction of minimum-redundancy codes",
  Proceedings of the IRE 40, 1952; Schwartz and Kallick, "Generating a canonical
  prefix encoding", Communications of the ACM 7, 1964
"""

import heapq
import itertools

import numpy as np

from effnas import errors


def lengths(counts: np.ndarray) -> np.ndarray:
  """Returns the code lengths of least total bits.

  Args:
    counts: [n], how often each symbol occurs.

  Returns:
    uint8 [n], in bits; 0 for a symbol that does not occur, 1 for the only one
    that does.

  Example:
    >>> lengths(np.array([5, 0, 1, 1])).tolist()
    [1, 0, 2, 2]
  """
  found = np.zeros(len(counts), np.uint8)
  order = itertools.count()  # among equal counts the oldest goes first
  heap: list[tuple[int, int, tuple[int, ...]]] = [
    (int(n), next(order), (s,)) for s, n in enumerate(counts) if n
  ]
  if len(heap) == 1:
    found[heap[0][2][0]] = 1
  heapq.heapify(heap)
  while len(heap) > 1:
    (n, _, some), (m, _, others) = heapq.heappop(heap), heapq.heappop(heap)
    joined = some + others
    found[list(joined)] += 1
    heapq.heappush(heap, (n + m, next(order), joined))
  return found


def coded_bits(counts: np.ndarray) -> int:
  """Returns the bits of all coded symbols, without the table of lengths.

  Args:
    counts: [n], how often each symbol occurs.

  Example:
    >>> coded_bits(np.array([5, 0, 1, 1]))
    9
  """
  return int(np.dot(counts, lengths(counts).astype(np.int64)))


def encode(symbols: np.ndarray, code: np.ndarray) -> np.ndarray:
  """Writes the codes of symbols one behind the other.

  Args:
    symbols: Integers [m].
    code: uint8 [n], the lengths of the code.

  Returns:
    uint8, packed, the first bit highest.

  Raises:
    UserError: A symbol that the code lacks.

  Example:
    >>> encode(np.array([0, 2, 3]), np.array([1, 0, 2, 2])).tolist()
    [88]
  """
  symbols = np.asarray(symbols, np.int64).ravel()
  code = np.asarray(code, np.int64)
  if symbols.size and (symbols.max() >= len(code) or not code[symbols].all()):
    raise errors.UserError(
      f'the code has no word for some symbols; it has them for '
      f'{np.flatnonzero(code).tolist()}'
    )
  words = np.zeros(len(code), np.uint64)
  order, aligned, longest = _canonical(code)
  words[order] = aligned
  starts = np.cumsum(code[symbols]) - code[symbols]
  bits = np.zeros(int(code[symbols].sum()), np.uint8)
  for j in range(longest):
    some = code[symbols] > j
    bit = words[symbols[some]] >> np.uint64(longest - 1 - j)
    bits[starts[some] + j] = bit & np.uint64(1)
  return np.packbits(bits)


def decode(packed: np.ndarray, code: np.ndarray, size: int) -> np.ndarray:
  """Undoes `encode`.

  Args:
    packed: uint8, what `encode` returned.
    code: uint8 [n], the lengths of the code.
    size: Symbols m.

  Returns:
    Integers int64 [m].

  Raises:
    UserError: The bits end before the last symbol, or no code has words of
      these lengths.

  Example:
    >>> code = np.array([1, 0, 2, 2])
    >>> decode(np.array([88], np.uint8), code, 3).tolist()
    [0, 2, 3]
  """
  code = np.asarray(code, np.int64)
  if not size:
    return np.zeros(0, np.int64)
  used = code[code > 0]
  if not used.size or used.max() >= 64 or (0.5**used).sum() > 1:
    raise errors.UserError(f'no code has words of {used.tolist()} bits')
  order, aligned, longest = _canonical(code)
  bits = np.unpackbits(np.asarray(packed, np.uint8))
  end = len(bits)
  bits = np.concatenate([bits, np.zeros(longest, np.uint8)]).astype(np.uint64)
  # What a decoder that stood at each bit would see, and the word it would read.
  window = np.zeros(len(bits) - longest, np.uint64)
  for j in range(longest):
    window = (window << np.uint64(1)) | bits[j : j + len(window)]
  there = order[np.searchsorted(aligned, window, side='right') - 1]
  symbols, widths = there.tolist(), code[there].tolist()
  found: list[int] = []
  at = 0
  while len(found) < size and at < end and at + widths[at] <= end:
    found.append(symbols[at])
    at += widths[at]
  if len(found) < size:
    raise errors.UserError(
      f'the coded bits end after {len(found)} symbols of {size}'
    )
  return np.array(found, np.int64)


def _canonical(code):
  """Symbols in the order of their words, and these at the left of `longest`."""
  longest = int(code.max(initial=0))
  order = np.lexsort((np.arange(len(code)), code))
  order = order[code[order] > 0]
  steps = np.uint64(1) << (longest - code[order]).astype(np.uint64)
  aligned = np.cumsum(steps, dtype=np.uint64) - steps
  return order, aligned, longest
