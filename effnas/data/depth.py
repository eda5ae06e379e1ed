"""Pixels of more than 8 bits: what their numbers mean in 0..255.

Whole numbers go from 0 to what their bits can hold, so v of 16 bits becomes
v / 257, to the nearest. Floats go from 0 to 1. What a file leaves open is
refused: whole numbers of other than 16 bits, and 16 bits of which the upper
two are never used, as 10, 12 and 14 bits often lie in 16. The setting `bits`
answers both.
"""

import numpy as np

from effnas import errors

# So many bits may be stated, and so many of 16 must be used.
BITS = range(1, 33)
_USED = 14


def check(bits: object) -> None:
  """Raises a UserError where the setting `bits` is none."""
  if bits is None or (type(bits) is int and bits in BITS):
    return
  raise errors.UserError(
    f'bits must be a whole number from {BITS[0]} to {BITS[-1]}, got {bits!r}'
  )


def eight(
  values: np.ndarray,
  what: str,
  *,
  bits: int | None = None,
  held: int | None = None,
  firm: bool = False,
) -> np.ndarray:
  """Returns pixels as uint8, 0 black and 255 white.

  Args:
    values: Whole numbers or floats.
    what: The file and its mode, for messages.
    bits: How many bits the values have, as the user says.
    held: How many they have as the file says; None where it does not.
    firm: Whether the file is right about it, and not only roomy.

  Raises:
    UserError: What they mean is open, or they lie outside of it.

  Example:
    >>> eight(np.array([0, 32768, 65535]), 'ramp', held=16).tolist()
    [0, 128, 255]
    >>> eight(np.array([0, 4095]), 'ramp', bits=12, held=16).tolist()
    [0, 255]
    >>> eight(np.array([0.0, 0.2, 1.0]), 'ramp').tolist()
    [0, 51, 255]
  """
  low, high = values.min(), values.max()
  if values.dtype.kind == 'f':
    # NaN is not in the range either.
    if not (low >= 0 and high <= 1):
      raise errors.UserError(
        f'{what}: pixels that are floats go from 0 to 1, found {low:g} to '
        f'{high:g}; save it with 8 bits'
      )
    return np.rint(values * 255.0).astype(np.uint8)
  low, high = int(low), int(high)
  used = high.bit_length()
  if bits is None and not firm and held == 16 and 0 < used <= _USED:
    raise errors.UserError(
      f'{what}: only {used} of 16 bits are used, so that white may be below '
      '65535; set bits (--config.data.bits=12, or 16)'
    )
  if firm or bits is None:
    bits = held
  if bits is None:
    raise errors.UserError(
      f'{what}: whole numbers from {low} to {high}, and nothing says which is '
      'white; set bits (--config.data.bits), or save it with 8 bits'
    )
  white = 2**bits - 1
  if low < 0 or high > white:
    raise errors.UserError(
      f'{what}: pixels of {bits} bits are 0 to {white}, found {low} to {high}'
    )
  return ((values.astype(np.int64) * 255 + white // 2) // white).astype(
    np.uint8
  )
