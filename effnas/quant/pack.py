"""Narrow integers packed into bytes: two of 4 bits, four of 2, eight of 1.

The first value stands in the lowest bits, which for 4 bits is the layout of
the weights file (`effnas.footprint.weights`).
"""

from collections.abc import Sequence
import math

import jax
import jax.numpy as jnp

from effnas import errors

_WIDTHS = (1, 2, 4, 8)


def pack(codes: jax.Array, bits: int) -> jax.Array:
  """Packs integers into as few bytes as they need.

  Args:
    codes: Integers of any shape and dtype, signed (from -2^(bits - 1) to
      2^(bits - 1) - 1) or not (from 0 to 2^bits - 1). Under `jax.jit`, where
      values cannot be looked at, only the low bits of others are kept.
    bits: 1, 2, 4 or 8.

  Returns:
    uint8 [ceil(size * bits / 8)]; zeros fill the last byte.

  Raises:
    UserError: Another number of bits, or codes that need more.

  Example:
    >>> [hex(byte) for byte in pack(jnp.array([1, -1, 7]), 4)]
    ['0xf1', '0x7']
  """
  _check_bits(bits)
  codes = jnp.asarray(codes)
  if not jnp.issubdtype(codes.dtype, jnp.integer):
    raise errors.UserError(
      f'integers are packed; got {codes.dtype}, round and convert them first'
    )
  wide = codes.astype(jnp.int32).ravel()
  if codes.size and not isinstance(codes, jax.core.Tracer):
    low, high = int(wide.min()), int(wide.max())
    signed = low >= -(2 ** (bits - 1)) and high < 2 ** (bits - 1)
    if not signed and not (low >= 0 and high < 2**bits):
      raise errors.UserError(
        f'{bits} bits hold {-(2 ** (bits - 1))} to {2 ** (bits - 1) - 1}, or 0 '
        f'to {2**bits - 1}; got codes from {low} to {high}'
      )
  each = 8 // bits
  wide = jnp.pad(wide, (0, -wide.size % each)).reshape(-1, each)
  shifted = (wide & (2**bits - 1)) << (bits * jnp.arange(each))
  return shifted.sum(1).astype(jnp.uint8)


def unpack(
  packed: jax.Array, bits: int, shape: Sequence[int], signed: bool = True
) -> jax.Array:
  """Undoes `pack`.

  Args:
    packed: uint8 [ceil(size * bits / 8)].
    bits: As packed.
    shape: Of the codes.
    signed: Whether the codes were signed.

  Returns:
    The codes in that shape, int8 or (unsigned) uint8.

  Raises:
    UserError: Another number of bits, or of bytes than the shape needs.

  Example:
    >>> unpack(pack(jnp.array([1, -1, 7]), 4), 4, (3,)).tolist()
    [1, -1, 7]
  """
  _check_bits(bits)
  size = math.prod(shape)
  if packed.shape != (-(-size * bits // 8),):
    raise errors.UserError(
      f'{size} values of {bits} bits are {-(-size * bits // 8)} bytes; got '
      f'{packed.shape}'
    )
  each = 8 // bits
  wide = packed.astype(jnp.int32)[:, None] >> (bits * jnp.arange(each))
  codes = (wide & (2**bits - 1)).ravel()[:size].reshape(shape)
  if not signed:
    return codes.astype(jnp.uint8)
  sign = 2 ** (bits - 1)
  return ((codes ^ sign) - sign).astype(jnp.int8)


def _check_bits(bits):
  if bits not in _WIDTHS:
    raise errors.UserError(
      f'values of 1, 2, 4 or 8 bits fill bytes; got {bits!r}'
    )
