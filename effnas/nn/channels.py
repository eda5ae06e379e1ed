"""Numbers of channels."""

from effnas import errors


def hidden(share: float, channels: int) -> int:
  """Returns the channels inside of a block, at least one.

  Args:
    share: Hidden channels over the channels that come in.
    channels: That come in.

  Raises:
    UserError: None are left.

  Example:
    >>> hidden(0.5, 16)
    8
  """
  found = round(share * channels)
  if found < 1:
    raise errors.UserError(
      f'a block needs hidden channels: {share:g} times {channels} leave none'
    )
  return found


def divisible(channels: float, by: int = 8) -> int:
  """Rounds channels to a multiple, going down by no more than a tenth.

  Args:
    channels: What a width multiplier gave.
    by: The result is a multiple of it, and at least it.

  Returns:
    Channels.

  Example:
    >>> divisible(24 * .75), divisible(24 * .35), divisible(32 * 1.3)
    (24, 8, 40)

  Reference:
    Sandler et al., 2018, MobileNetV2, https://arxiv.org/abs/1801.04381 (its
    published code)
  """
  rounded = max(by, int(channels + by / 2) // by * by)
  return rounded + by if rounded < 0.9 * channels else rounded
