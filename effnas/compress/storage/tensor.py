"""One kernel as bytes, and how many they are.

The bytes are, in this order and with the lowest byte and bit first:

- CRC-32 of all that follows (4 bytes), the parts that there are (a byte of
  flags), the dtype (its place in `DTYPES`, a byte), the number of axes (a byte)
  and the length of each (4 bytes);
- where zeros are left out, a mask of a bit for each weight; or the bits of a
  symbol (a byte) and the Huffman-coded runs of zeros before each weight;
- where there is a palette, its length less one (a byte) and its values in the
  kernel's dtype; or the number of a book (2 bytes) that kernels share, which is
  a tensor of one axis;
- the living weights in row-major order: their bits, or indices of the
  palette, side by side; or these Huffman-coded.

Reference:
  Han et al., 2016, Deep Compression, https://arxiv.org/abs/1510.00149
"""

from collections.abc import Mapping, Sequence
import math
import struct
from typing import Any, NamedTuple
import zlib

import ml_dtypes
import numpy as np

from effnas import errors
from effnas.compress.coding import packing, runs
from effnas.compress.storage import patterns, stream

# Their places are in files: append only.
DTYPES = (
  *('float32', 'bfloat16', 'float16', 'float64', 'float8_e4m3fn'),
  *('float8_e5m2', 'bool', 'int8', 'uint8', 'int4', 'uint4', 'int2', 'uint2'),
  *('int1', 'uint1', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'),
)
_MASK, _RUNS, _PALETTE, _BOOK, _CODED = 1, 2, 4, 8, 16  # flags
_BYTE, _SHORT = struct.Struct('<B'), struct.Struct('<H')
_LONG, _HEAD = struct.Struct('<I'), struct.Struct('<BBB')
_MOST = 2**32  # weights of a kernel
_MOST_AXES = 64  # of an array of NumPy
_MOST_SYMBOLS = 256  # under a Huffman code


class Palette(NamedTuple):
  """The values that a kernel's living weights have.

  Attributes:
    values: [k], their bits as `values` returns them.
    book: The number of the tensor that holds them for all kernels that share
      them; None where the kernel's own bytes do.
  """

  values: np.ndarray
  book: int | None = None


def values(weights: Sequence[np.ndarray], k: int, what: str) -> np.ndarray:
  """Returns the bits of all values that weights have.

  Args:
    weights: The living weights of each kernel, of one dtype.
    k: How many values there may be.
    what: The kernel or the book, for the error.

  Returns:
    [k], ascending as unsigned numbers; the last fills what is left over.

  Raises:
    UserError: There are more than k.

  Example:
    >>> weights = np.array([3, 1, 3], np.int8), np.array([4], np.int8)
    >>> values(weights, 4, 'kernel').tolist()
    [1, 3, 4, 4]
  """
  each = [np.unique(patterns.of(some)) for some in weights]
  found = np.unique(np.concatenate(each))
  if found.size > k:
    raise errors.UserError(
      f'{what!r} has {found.size} distinct living weights, more than its '
      f'palette of {k}; cluster it to {k} first or say a larger palette'
    )
  last = found[-1:] if found.size else np.zeros(1, found.dtype)
  return np.concatenate([found, np.repeat(last, k - found.size)])


def nbytes(
  shape: tuple[int, ...],
  dtype: Any,
  living: int | None = None,
  k: int | None = None,
  shared: bool = False,
) -> int:
  """Returns the bytes of a kernel without Huffman codes.

  Args:
    shape: Of the kernel.
    dtype: Of the kernel.
    living: Weights that are stored; None for all, without a mask.
    k: Values of the palette, or None.
    shared: Whether the palette lies elsewhere.

  Example:
    >>> nbytes((64, 64), np.float32, living=512, k=16)
    848
  """
  size = math.prod(shape)
  total = _LONG.size + _HEAD.size + _LONG.size * len(shape)
  if living is not None:
    total += packing.packed_bytes(size, 1)
  stored = size if living is None else living
  if k is None:
    return total + patterns.nbytes(stored, dtype)
  total += _SHORT.size if shared else _BYTE.size + patterns.nbytes(k, dtype)
  return total + packing.packed_bytes(stored, packing.bits_of(k))


def encode(
  kernel: np.ndarray,
  mask: np.ndarray | None = None,
  palette: Palette | None = None,
  huffman: bool = False,
) -> np.ndarray:
  """Turns a kernel into bytes.

  Args:
    kernel: Of one of `DTYPES`.
    mask: Bool, in the same shape; true where a weight is stored.
    palette: Of all weights that are stored, or None.
    huffman: Whether to code where that is smaller.

  Returns:
    uint8 [n]; n is `nbytes`, and with `huffman` at most that.

  Raises:
    UserError: A dtype or size that the form has no place for.
  """
  _check(kernel)
  dtype, flags = kernel.dtype, 0
  parts: list[bytes] = []
  symbols = patterns.of(kernel if mask is None else kernel[mask])
  if mask is not None:
    flag, part = _zeros(mask, huffman)
    flags, parts = flags | flag, [*parts, part]
  if palette is None:
    n, side = 2 ** patterns.width(dtype), patterns.write(symbols, dtype)
  else:
    n, book = palette.values.size, palette.book
    if book is None:
      flags |= _PALETTE
      parts += [_BYTE.pack(n - 1), patterns.write(palette.values, dtype)]
    else:
      flags |= _BOOK
      parts.append(_SHORT.pack(book))
    symbols = np.searchsorted(palette.values, symbols).astype(np.uint8)
    side = packing.pack(symbols, packing.bits_of(n)).tobytes()
  if huffman and n <= _MOST_SYMBOLS:
    words = stream.coded(symbols, n)
    if len(words) < len(side):
      flags, side = flags | _CODED, words
  head = _HEAD.pack(flags, DTYPES.index(dtype.name), kernel.ndim)
  lengths = b''.join(_LONG.pack(n) for n in kernel.shape)
  return _sealed(b''.join([head, lengths, *parts, side]))


def decode(data: np.ndarray, books: Mapping[int, np.ndarray]) -> np.ndarray:
  """Undoes `encode`.

  Args:
    data: What it returned.
    books: Number -> the values of a palette that kernels share.

  Returns:
    The kernel.

  Raises:
    UserError: The bytes are damaged.
  """
  reader = stream.Reader(_opened(data))
  flags, code, ndim = reader.numbers(_HEAD)
  if code >= len(DTYPES):
    raise errors.UserError(f'the dtype {code} of {len(DTYPES)}')
  dtype = _dtype(DTYPES[code])
  shape = tuple(reader.numbers(_LONG)[0] for _ in range(ndim))
  if ndim > _MOST_AXES or _span(shape) >= _MOST:
    raise errors.UserError(f'no kernel has the shape {shape}')
  mask = _mask(reader, flags, shape)
  size = math.prod(shape) if mask is None else int(np.count_nonzero(mask))
  palette = _palette(reader, flags, dtype, books)
  n = 2 ** patterns.width(dtype) if palette is None else palette.size
  bits = packing.bits_of(n)
  if flags & _CODED:
    found = stream.plain(reader, n)
  elif palette is None:
    part = reader.take(patterns.nbytes(size, dtype))
    found = patterns.read(part, dtype, size)
  else:
    part = reader.take(packing.packed_bytes(size, bits))
    found = packing.unpack(part, bits, (size,))
  reader.end()
  if palette is not None:
    if found.max(initial=0) >= n:
      raise errors.UserError(f'an index {found.max()} in a palette of {n}')
    found = palette[found]
  if found.size != size:
    raise errors.UserError(f'{size} weights are due; got {found.size}')
  weights = patterns.numbers(found, dtype)
  if mask is None:
    return weights.reshape(shape)
  kernel = np.zeros(shape, dtype)
  kernel[mask] = weights
  return kernel


def _sealed(data: bytes) -> np.ndarray:
  """Returns the bytes behind their checksum, uint8."""
  whole = _LONG.pack(zlib.crc32(data)) + data
  return np.frombuffer(whole, np.uint8).copy()


def _opened(data: np.ndarray) -> np.ndarray:
  data = np.asarray(data)
  if data.dtype != np.uint8 or data.ndim != 1 or data.size < _LONG.size:
    raise errors.UserError(
      f'{_LONG.size} or more bytes in a row are due; got {data.dtype} '
      f'{data.shape}'
    )
  whole = data.tobytes()
  if _LONG.unpack(whole[: _LONG.size]) != (zlib.crc32(whole[_LONG.size :]),):
    raise errors.UserError('the checksum is not that of the bytes')
  return data[_LONG.size :]


def _zeros(mask: np.ndarray, huffman: bool) -> tuple[int, bytes]:
  """Returns the flag and the bytes of where the weights are."""
  single = packing.pack(mask.astype(np.uint8), 1).tobytes()
  if huffman:
    bits = runs.best_bits(mask)
    coded = stream.coded(runs.encode(mask, bits), 2**bits)
    if _BYTE.size + len(coded) < len(single):
      return _RUNS, _BYTE.pack(bits) + coded
  return _MASK, single


def _mask(reader, flags, shape):
  if flags & _MASK:
    packed = reader.take(packing.packed_bytes(math.prod(shape), 1))
    return packing.unpack(packed, 1, shape).astype(bool)
  if flags & _RUNS:
    (bits,) = reader.numbers(_BYTE)
    return runs.decode(stream.plain(reader, 2**bits), bits, shape)
  return None


def _palette(reader, flags, dtype, books):
  if flags & _PALETTE:
    k = reader.numbers(_BYTE)[0] + 1
    return patterns.read(reader.take(patterns.nbytes(k, dtype)), dtype, k)
  if not flags & _BOOK:
    return None
  (number,) = reader.numbers(_SHORT)
  book = books.get(number)
  if book is None or book.dtype != dtype:
    raise errors.UserError(
      f'the book {number} of {dtype} values that it needs is missing'
    )
  return patterns.of(book)


def _check(kernel):
  if kernel.dtype.name not in DTYPES or _span(kernel.shape) >= _MOST:
    raise errors.UserError(
      f'kernels are coded below {_MOST} weights of {", ".join(DTYPES)}; got '
      f'{kernel.dtype} {kernel.shape}'
    )


def _span(shape: tuple[int, ...]) -> int:
  """Weights, were no axis empty: so large an array can be made."""
  return math.prod(max(n, 1) for n in shape)


def _dtype(name: str) -> np.dtype:
  return np.dtype(getattr(ml_dtypes, name, name))
