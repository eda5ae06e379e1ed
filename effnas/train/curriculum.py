"""Curriculum: a training that begins with the easy rows."""

from collections.abc import Mapping, Sequence
import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effnas import arguments, errors


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Curriculum:
  """Which rows an epoch draws from: a share of them, the easiest.

  An epoch takes as many steps as ever; of fewer rows each is seen more often.
  How hard a row is, its loss says: that of the network itself after some epochs
  on all rows, or a given one.

  Attributes:
    start: Share of the rows at the beginning, more than 0.
    full: Share of the training after which all rows are in; in between the
      share grows by the same amount each epoch.
    after: Epochs on all rows before the network judges; 0 with losses.
    losses: Loss of each row (N,), for instance a teacher's; None is the
      network's own.

  Reference:
    Hacohen and Weinshall, On The Power of Curriculum Learning in Training Deep
    Networks, 2019, https://arxiv.org/abs/1904.03626
  """

  start: float = 0.3
  full: float = 0.5
  after: int = 1
  losses: Any = dataclasses.field(default=None, repr=False)

  def __post_init__(self):
    """Checks the settings."""
    for name in ('start', 'full'):
      value = getattr(self, name)
      number = isinstance(value, int | float) and not isinstance(value, bool)
      if not number or not 0 < value <= 1:
        raise errors.UserError(
          f'curriculum {name} must be a share, more than 0 and at most 1; got '
          f'{value!r}'
        )
    whole = isinstance(self.after, int) and not isinstance(self.after, bool)
    if self.losses is None and not (whole and self.after >= 1):
      raise errors.UserError(
        'curriculum after must be the epochs, 1 or more, after which the '
        f'network judges the rows; got {self.after!r}'
      )

  @property
  def before(self) -> int:
    """Epochs on all rows."""
    return self.after if self.losses is None else 0

  def share(self, epoch: int, epochs: int) -> float:
    """Returns the share of the rows that an epoch draws from.

    Args:
      epoch: From 1.
      epochs: Of the whole training.

    Example:
      >>> half = Curriculum(start=0.5, full=0.75, after=1)
      >>> [half.share(epoch, 4) for epoch in (1, 2, 3, 4)]
      [1.0, 0.5, 0.75, 1.0]
    """
    if epoch <= self.before:
      return 1.0
    length = max(self.full * epochs - self.before, 1)
    done = min((epoch - 1 - self.before) / length, 1.0)
    return self.start + (1 - self.start) * done


def make(settings: Mapping[str, Any] | None) -> Curriculum | None:
  """Returns a curriculum from its settings; None is none.

  Raises:
    UserError: A setting is unknown or out of range.
  """
  if settings is None:
    return None
  known = [field.name for field in dataclasses.fields(Curriculum)]
  if not isinstance(settings, Mapping):
    raise errors.UserError(
      "curriculum holds settings by name, as {'start': 0.3}; got "
      f'{settings!r}'
    )
  for key in settings:
    if key not in known:
      raise errors.unknown('setting of curriculum', key, known)
  arguments.values(Curriculum, settings, 'curriculum.')
  return Curriculum(**settings)


def check(course: Curriculum, sizes: Sequence[int], rows: int) -> None:
  """Raises a UserError where rows cannot be chosen among.

  Args:
    course: The curriculum.
    sizes: Rows of each piece that the split comes in.
    rows: Of the split.
  """
  if list(sizes) != [rows]:
    raise errors.UserError(
      'a curriculum chooses among all rows, and this training split comes in '
      f'{len(sizes)} pieces: leave it out, or raise device_bytes'
    )
  if course.losses is not None and np.shape(course.losses) != (rows,):
    raise errors.UserError(
      f'curriculum losses must be one for each of {rows} rows; got '
      f'{np.shape(course.losses)}'
    )


def order(losses: Any) -> jax.Array:
  """Returns rows from the easiest to the hardest, int32 (N,).

  Args:
    losses: (N,).
  """
  ranked = np.argsort(np.asarray(losses), kind='stable')
  return jnp.asarray(ranked, jnp.int32)


def numbers(ranked: Any, share: float, least: int) -> dict[str, jax.Array]:
  """Returns what the compiled epoch is given.

  Args:
    ranked: What `order` returned.
    share: Of the rows.
    least: Rows that there must be, those of a step.
  """
  count = max(math.ceil(share * len(ranked)), min(least, len(ranked)))
  return {'order': jnp.asarray(ranked), 'count': jnp.int32(count)}


def drawn(permutation: jax.Array, numbers: Mapping[str, Any]) -> jax.Array:
  """Returns the rows of an epoch in the order of training; traceable.

  Args:
    permutation: A random one of all rows, (N,).
    numbers: What `numbers` returned. Where the share is 1 each row comes once;
      where it is less, each of the easiest comes about as often as another.

  Example:
    >>> given = numbers(order([3.0, 1.0, 2.0, 4.0]), 0.5, 1)
    >>> drawn(jnp.array([2, 0, 3, 1]), given).tolist()
    [1, 1, 2, 2]
  """
  return numbers['order'][permutation % numbers['count']]
