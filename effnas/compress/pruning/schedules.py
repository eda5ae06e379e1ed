"""Schedules: when to prune, and how much of it.

Steps are counted after the optimiser's: at `taken` = 1 one step is done. All
functions may be traced.
"""

import dataclasses
from typing import Protocol

import jax
import jax.numpy as jnp

from effnas import errors


class Schedule(Protocol):
  """When and how much; hashable."""

  def due(self, taken: jax.Array) -> jax.Array:
    """Says whether masks are renewed after so many steps."""

  def sparsity(self, taken: jax.Array, target: float) -> jax.Array:
    """Returns the sparsity that holds after so many steps."""


@dataclasses.dataclass(frozen=True)
class OneShot:
  """All at once.

  Attributes:
    at: Steps after which; 0 is before the first.

  Example:
    >>> [float(OneShot(2).sparsity(t, 0.5)) for t in (1, 2, 3)]
    [0.0, 0.5, 0.5]
  """

  at: int = 0

  def __post_init__(self):
    """Checks the number."""
    _whole('at', self.at, 0)

  def due(self, taken):
    """See `Schedule`."""
    return jnp.equal(taken, self.at)

  def sparsity(self, taken, target):
    """See `Schedule`."""
    return jnp.where(jnp.less(taken, self.at), 0.0, jnp.float32(target))


@dataclasses.dataclass(frozen=True)
class Iterative:
  """In rounds, each of which prunes the same share of what is left.

  Attributes:
    begin: Steps before the first round.
    every: Steps from round to round.
    rounds: Number of rounds.

  Reference:
    Han et al., 2015, https://arxiv.org/abs/1506.02626; Frankle and Carbin,
    2019, https://arxiv.org/abs/1803.03635 (the equal shares)

  Example:
    >>> schedule = Iterative(begin=10, every=5, rounds=2)
    >>> [float(schedule.sparsity(t, 0.75)) for t in (9, 10, 14, 15, 99)]
    [0.0, 0.5, 0.5, 0.75, 0.75]
  """

  begin: int
  every: int
  rounds: int

  def __post_init__(self):
    """Checks the numbers."""
    _whole('begin', self.begin, 0)
    _whole('every', self.every, 1)
    _whole('rounds', self.rounds, 1)

  def due(self, taken):
    """See `Schedule`."""
    since = jnp.asarray(taken) - self.begin
    last = self.every * (self.rounds - 1)
    return (since >= 0) & (since <= last) & (since % self.every == 0)

  def sparsity(self, taken, target):
    """See `Schedule`."""
    done = (jnp.asarray(taken) - self.begin) // self.every + 1
    done = jnp.clip(done, 0, self.rounds)
    part = 1 - jnp.power(1 - jnp.float32(target), done / self.rounds)
    return jnp.where(done == self.rounds, jnp.float32(target), part)


@dataclasses.dataclass(frozen=True)
class Cubic:
  """Fast at first, then slower: target + (initial - target) (1 - p)^3.

  p is the share of the steps from `begin` to `end` that is done.

  Attributes:
    begin: Steps before the first pruning.
    end: Steps before the last, from which on the target holds.
    every: Steps from pruning to pruning; the last is at `end` in any case.
    initial: Sparsity at `begin`.

  Reference:
    Zhu and Gupta, 2017, https://arxiv.org/abs/1710.01878

  Example:
    >>> schedule = Cubic(begin=100, end=300, every=50)
    >>> reached = [schedule.sparsity(t, 0.64) for t in (99, 150, 200, 300)]
    >>> [round(float(r), 3) for r in reached]
    [0.0, 0.37, 0.56, 0.64]
  """

  begin: int
  end: int
  every: int = 100
  initial: float = 0.0

  def __post_init__(self):
    """Checks the numbers."""
    _whole('begin', self.begin, 0)
    _whole('end', self.end, self.begin + 1)
    _whole('every', self.every, 1)
    if not 0 <= self.initial < 1:
      raise errors.UserError(
        f'initial is a sparsity from 0 to less than 1; got {self.initial!r}'
      )

  def due(self, taken):
    """See `Schedule`."""
    since = jnp.asarray(taken) - self.begin
    length = self.end - self.begin
    within = (since >= 0) & (since <= length)
    return within & ((since % self.every == 0) | (since == length))

  def sparsity(self, taken, target):
    """See `Schedule`."""
    taken = jnp.asarray(taken)
    done = (taken - self.begin) / (self.end - self.begin)
    left = 1 - jnp.clip(done, 0, 1).astype(jnp.float32)
    initial = min(self.initial, target)
    reached = jnp.float32(target) + jnp.float32(initial - target) * left**3
    return jnp.where(taken < self.begin, 0.0, reached)


def _whole(name, value, least):
  if isinstance(value, bool) or not isinstance(value, int) or value < least:
    raise errors.UserError(
      f'{name} is a number of steps or rounds from {least}; got {value!r}'
    )
