"""Arrays as the bits of their numbers, and these as bytes."""

from typing import Any

import numpy as np

from effnas.compress.coding import packing

# Bits of the numbers that arrays hold in a byte each.
NARROW = {
  **{'int4': 4, 'uint4': 4},
  **{'int2': 2, 'uint2': 2},
  **{'int1': 1, 'uint1': 1, 'bool': 1},
}


def width(dtype: Any) -> int:
  """Returns the bits of one number.

  Example:
    >>> import ml_dtypes
    >>> width('float32'), width(ml_dtypes.int2)
    (32, 2)
  """
  return NARROW.get(np.dtype(dtype).name, 8 * np.dtype(dtype).itemsize)


def nbytes(size: int, dtype: Any) -> int:
  """Returns the bytes of numbers side by side.

  Example:
    >>> import ml_dtypes
    >>> nbytes(3, ml_dtypes.int4)
    2
  """
  return packing.packed_bytes(size, width(dtype))


def of(array: np.ndarray) -> np.ndarray:
  """Returns the bits of each number as an unsigned integer.

  Args:
    array: Of any dtype of up to 64 bits a number.

  Returns:
    uint8, uint16, uint32 or uint64, in row-major order, flat.

  Example:
    >>> import ml_dtypes
    >>> of(np.array([1, -1], ml_dtypes.int4)).tolist()
    [1, 15]
  """
  flat = np.ascontiguousarray(array).ravel()
  if flat.dtype.name in NARROW:
    return flat.astype(np.int8).view(np.uint8) & np.uint8(
      2 ** width(flat.dtype) - 1
    )
  return flat.view(f'u{flat.dtype.itemsize}')


def numbers(patterns: np.ndarray, dtype: Any) -> np.ndarray:
  """Undoes `of`.

  Args:
    patterns: As `of` returned them.
    dtype: Of the numbers.

  Example:
    >>> import ml_dtypes
    >>> numbers(np.array([1, 15], np.uint8), ml_dtypes.int4).tolist()
    [1, -1]
  """
  dtype = np.dtype(dtype)
  if dtype.name in NARROW:
    return patterns.astype(dtype)  # the bits that fit, sign and all
  return patterns.astype(f'u{dtype.itemsize}').view(dtype)


def write(patterns: np.ndarray, dtype: Any) -> bytes:
  """Returns the bits side by side, the lowest byte and bit first.

  Args:
    patterns: What `of` returned.
    dtype: Of the numbers.

  Returns:
    `nbytes(len(patterns), dtype)` bytes.
  """
  if np.dtype(dtype).name in NARROW:
    return packing.pack(patterns, width(dtype)).tobytes()
  return patterns.astype(patterns.dtype.newbyteorder('<')).tobytes()


def read(data: np.ndarray, dtype: Any, size: int) -> np.ndarray:
  """Undoes `write`.

  Args:
    data: uint8, `nbytes(size, dtype)` of them.
    dtype: Of the numbers.
    size: How many.

  Returns:
    The bits of each number, as `of` returns them.
  """
  if np.dtype(dtype).name in NARROW:
    return packing.unpack(data, width(dtype), (size,))
  kind = f'u{np.dtype(dtype).itemsize}'
  found = np.frombuffer(data.tobytes(), np.dtype(kind).newbyteorder('<'))
  return found.astype(kind)
