"""Small integers packed into bytes, and what clustering saves by it.

Reference:
  Menghani, 2021, https://arxiv.org/abs/2106.08962, section 3.1 (the ratio)
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effnas import errors

Array = jax.Array | np.ndarray


def bits_of(k: int) -> int:
  """Returns the bits of an index that tells k things apart.

  Args:
    k: How many there are.

  Returns:
    Whole bits, 1 or more.

  Example:
    >>> bits_of(2), bits_of(16), bits_of(17)
    (1, 4, 5)
  """
  return max(1, (k - 1).bit_length())


def packed_bytes(size: int, bits: int) -> int:
  """Returns the bytes of packed integers.

  Example:
    >>> packed_bytes(10, 3)
    4
  """
  return -(-size * bits // 8)


def pack(integers: Array, bits: int) -> Any:
  """Packs integers one behind the other, the lowest bit first.

  Can be traced; `bits` is static. NumPy's arrays stay on the host, where no
  shape is a program of its own.

  Args:
    integers: uint8, any shape, each below 2**bits.
    bits: Of each integer, 1 to 8.

  Returns:
    uint8 [ceil(size * bits / 8)]; the last bits of the last byte are 0.

  Raises:
    UserError: Bits that no byte holds.

  Example:
    >>> pack(jnp.array([1, 2, 3], jnp.uint8), 2).tolist()
    [57]
  """
  _check(bits)
  if isinstance(integers, np.ndarray):
    return _pack(np, integers, bits)
  return _pack_traced(jnp, integers, bits)


def unpack(packed: Array, bits: int, shape: tuple[int, ...]) -> Any:
  """Undoes `pack`.

  Args:
    packed: uint8, what `pack` returned.
    bits: Of each integer.
    shape: Of the integers.

  Returns:
    uint8, in that shape.

  Raises:
    UserError: Bits that no byte holds, or too few bytes for the shape.

  Example:
    >>> unpack(jnp.array([57], jnp.uint8), 2, (3,)).tolist()
    [1, 2, 3]
  """
  _check(bits)
  size = math.prod(shape)
  if packed.size != packed_bytes(size, bits):
    raise errors.UserError(
      f'{size} integers of {bits} bits are {packed_bytes(size, bits)} bytes; '
      f'got {packed.size}'
    )
  if isinstance(packed, np.ndarray):
    return _unpack(np, packed, bits, size).reshape(shape)
  return _unpack_traced(jnp, packed, bits, size).reshape(shape)


def compression_ratio(size: int, k: int) -> float:
  """Returns bytes in float32 over bytes as indices and a codebook.

  Args:
    size: Weights.
    k: Centroids, of 32 bits.

  Returns:
    32 N / (N log2 k + 32 k), the survey's formula. Indices of whole bits reach
    it where k is a power of two.

  Example:
    >>> round(compression_ratio(4096, 16), 2)
    7.76
  """
  return 32 * size / (size * math.log2(k) + 32 * k)


def _pack(xp, integers, bits):
  single = integers.reshape(-1, 1).astype(xp.uint8)
  spread = (single >> xp.arange(bits, dtype=xp.uint8)) & 1
  return xp.packbits(spread.ravel(), bitorder='little')


def _unpack(xp, packed, bits, size):
  spread = xp.unpackbits(packed, count=size * bits, bitorder='little')
  shifted = spread.reshape(size, bits) << xp.arange(bits, dtype=xp.uint8)
  return shifted.sum(1, dtype=xp.uint8)


_pack_traced = jax.jit(_pack, static_argnums=(0, 2))
_unpack_traced = jax.jit(_unpack, static_argnums=(0, 2, 3))


def _check(bits: int) -> None:
  if bits not in range(1, 9):
    raise errors.UserError(f'packed integers have 1 to 8 bits; got {bits!r}')
