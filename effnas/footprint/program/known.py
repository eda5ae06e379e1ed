"""What values of a program hold, told from the program alone.

Whole numbers, and arrays that select: zeros and ones made of nothing but
positions, as `jnp.eye` makes them. A product with such an array moves or adds
up values and multiplies none: `jax.lax.conv_general_dilated_patches` is a
convolution with it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Positions(NamedTuple):
  """An array that numbers the positions along one of its axes, shifted or not.

  Attributes:
    axis: The axis.
  """

  axis: int


class Picks(NamedTuple):
  """An array of zeros and ones that compares the positions on two axes."""


# A number that all elements are, where it is whole.
Known = int | Positions | Picks | None
PICKS = Picks()

_SAME = frozenset({
  'convert_element_type', 'copy', 'copy_p', 'optimization_barrier',
  'stop_gradient',
})  # fmt: skip
# Other arrangements of what selects still select.
_ARRANGED = _SAME | {
  'broadcast_in_dim', 'expand_dims', 'reshape', 'rev', 'squeeze', 'transpose',
}  # fmt: skip


def known(
  name: str, params: Mapping[str, Any], inputs: Sequence[Known]
) -> Known:
  """Says what a primitive's result holds.

  Args:
    name: Name of the primitive.
    params: Its parameters.
    inputs: What its operands hold.

  Returns:
    What is known of it, or None.

  Example:
    >>> rows = known('iota', {'dimension': 0}, [])
    >>> columns = known('iota', {'dimension': 1}, [])
    >>> known('eq', {}, [known('add', {}, [rows, 1]), columns])
    Picks()
  """
  if name == 'iota':
    return Positions(params['dimension'])
  found = inputs[0] if inputs else None
  if found is None:
    return None
  if name == 'broadcast_in_dim' and isinstance(found, Positions):
    return Positions(params['broadcast_dimensions'][found.axis])
  if name in (_ARRANGED if found == PICKS else _SAME):
    return found
  if len(inputs) != 2:
    return None
  return _combined(name, found, inputs[1])


def number(found: Known) -> int | None:
  """Returns the whole number that a value is, or None."""
  return found if isinstance(found, int) else None


def _combined(name: str, left: Known, right: Known) -> Known:
  if isinstance(left, int) and isinstance(right, int):
    sums = {'add': left + right, 'sub': left - right, 'mul': left * right}
    return sums.get(name)
  if isinstance(left, Positions) and isinstance(right, Positions):
    return PICKS if name == 'eq' and left != right else None
  if isinstance(left, Positions) and isinstance(right, int):
    return left if name in ('add', 'sub') else None
  if isinstance(right, Positions) and isinstance(left, int):
    return right if name == 'add' else None
  return None
