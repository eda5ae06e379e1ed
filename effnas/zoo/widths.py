"""The width of a whole network as one decision."""

from collections.abc import Callable, Sequence
import functools
from typing import Any

from effnas import errors
from effnas import space as sp
from effnas.nn import channels

# A rule, width -> value, to its value or the choice among its values.
Scaled = Callable[[Callable[[float], Any]], Any]


def scaled(width: float | Sequence[float]) -> Scaled:
  """Returns what makes numbers follow the width.

  Args:
    width: The width, or several to choose from.

  Returns:
    Maps a rule, width -> value, to its value; with several widths to a choice
    among its values, 'width', which is one for all rules. A value that is the
    same at all widths is no choice.

  Raises:
    UserError: There is no width, or one that is not above 0.

  Example:
    >>> scaled(0.5)(lambda width: round(48 * width))
    24
    >>> choice = scaled((0.5, 1))(lambda width: round(48 * width))
    >>> choice, choice.options
    (oneof(0.5, 1.0, name='width'), (24, 48))
  """
  given: list[Any] = [width]
  if isinstance(width, list | tuple):
    given = list(width)
  if not given or not all(isinstance(w, int | float) and w > 0 for w in given):
    raise errors.UserError(
      'width is a number above 0 or several of them, e.g. 1.0 or (0.5, 1.0); '
      f'got {width!r}'
    )
  return functools.partial(_scaled, tuple(map(float, given)))


def features(by: Scaled, count: int) -> Any:
  """Returns channels that follow the width, a multiple of 8.

  Args:
    by: What `scaled` gave.
    count: The channels at width 1.
  """
  return by(lambda width: channels.divisible(count * width))


def _scaled(widths: tuple[float, ...], rule: Callable[[float], Any]) -> Any:
  values = [rule(width) for width in widths]
  if all(value == values[0] for value in values):
    return values[0]
  return sp.oneof(*values, name='width', labels=widths)
