"""Settings of a training that cannot be, told before it starts."""

from collections.abc import Mapping
from typing import Any

from effnas import errors


def counts(split: Any, counts: Mapping[str, int]) -> None:
  """Raises a UserError for an empty split, or no whole number from 1.

  Args:
    split: The training split.
    counts: By name.
  """
  if not len(split.x):
    raise errors.UserError('there is nothing to train on: the split is empty')
  for name, value in counts.items():
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < 1:
      raise errors.UserError(f'{name} must be 1 or more; got {value!r}')


def names(augment: Any) -> None:
  """Raises a UserError for a name that is no list of names."""
  if isinstance(augment, str):
    raise errors.UserError(
      f'augment must be a list of names, as [{augment!r}]; got {augment!r}'
    )


def hashable(net: Any) -> None:
  """Raises a UserError where programs cannot be kept by a network."""
  try:
    hash(net)
  except TypeError:
    raise errors.UserError(
      f'the fields of the network {type(net).__name__} must hash, as compiled '
      'programs are kept by them: use tuples instead of lists, dicts, arrays'
    ) from None
