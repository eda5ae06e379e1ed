"""The choices of a number in a range."""

# ruff: noqa: D102  (methods are documented where they are abstract)

import abc
import dataclasses
import math
from typing import Any

import numpy as np

from effnas import errors
from effnas.space import choices


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Range(choices.Choice):
  """Numbers from `low` to `high`, both included."""

  low: float
  high: float
  name: str | None = None
  inactive = -1.0

  @abc.abstractmethod
  def to_unit(self, value: float) -> float:
    """Maps a value to [0, 1]."""

  @abc.abstractmethod
  def from_unit(self, unit: float) -> float:
    """Maps [0, 1] to the values."""

  @property
  def single(self):
    return False

  @property
  def width(self):
    return 1

  def encode(self, value):
    return [self.to_unit(value)]

  def decode(self, code):
    return self.from_unit(float(np.clip(code[0], 0.0, 1.0)))

  def describe(self):
    kind = type(self).__name__.lower()
    return {'kind': kind, 'low': self.low, 'high': self.high}

  def __repr__(self):
    words = [f'{self.low!r}', f'{self.high!r}']
    return choices.said(type(self).__name__.lower(), words, self.name)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class IntRange(Range):
  """Integers in equal steps."""

  low: int
  high: int
  step: int = 1

  @property
  def _range(self) -> range:
    return range(self.low, self.high + 1, self.step)

  @property
  def single(self):
    return len(self._range) == 1

  def holds(self, value):
    return type(value) is int and value in self._range

  def sample(self, rng):
    return self.low + self.step * int(rng.integers(len(self._range)))

  def values(self, points=None):
    return self._range

  def to_unit(self, value):
    return (value - self.low) / max(1, self.high - self.low)

  def from_unit(self, unit):
    return self._range[round(unit * (len(self._range) - 1))]

  def describe(self):
    return super().describe() | {'step': self.step}

  def __repr__(self):
    words = [f'{self.low!r}', f'{self.high!r}']
    if self.step != 1:
      words.append(f'step={self.step!r}')
    return choices.said('intrange', words, self.name)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Uniform(Range):
  """Real numbers, all equally likely."""

  continuous = True

  def holds(self, value):
    return type(value) in (int, float) and self.low <= value <= self.high

  def sample(self, rng):
    return self.from_unit(rng.random())

  def values(self, points=None):
    if points is None:
      raise errors.UserError(f'{self!r} is continuous: say points=')
    units = np.linspace(0, 1, points) if points > 1 else [0.5]
    return [self.from_unit(float(unit)) for unit in units]

  def to_unit(self, value):
    return (value - self.low) / (self.high - self.low)

  def from_unit(self, unit):
    value = self.low * (1 - unit) + self.high * unit
    return float(min(max(value, self.low), self.high))


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class LogUniform(Uniform):
  """Positive real numbers whose logarithms are equally likely."""

  def to_unit(self, value):
    return math.log(value / self.low) / math.log(self.high / self.low)

  def from_unit(self, unit):
    value = self.low * math.exp(unit * math.log(self.high / self.low))
    return float(min(max(value, self.low), self.high))


def intrange(
  low: int, high: int, step: int = 1, name: str | None = None
) -> IntRange:
  """Declares a choice between integers, both ends included.

  Args:
    low: The smallest.
    high: The largest; a whole number of steps above `low`.
    step: The distance of neighbours.
    name: One decision for all choices of this name, wherever they stand.

  Returns:
    The choice, to be put into a field.

  Raises:
    UserError: Where the range is empty or its steps miss `high`.

  Example:
    >>> list(intrange(8, 32, 8).values())
    [8, 16, 24, 32]
  """
  for what, value in (('low', low), ('high', high), ('step', step)):
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
      raise errors.UserError(f'intrange: {what} must be an integer: {value!r}')
  low, high, step = int(low), int(high), int(step)
  if low > high or step < 1:
    raise errors.UserError(
      'intrange needs low <= high and step >= 1, '
      f'got intrange({low}, {high}, {step})'
    )
  if (high - low) % step:
    reached = high - (high - low) % step
    raise errors.UserError(
      f'intrange includes high, but steps of {step} from {low} miss {high}; '
      f'use high={reached} or high={reached + step}'
    )
  choices.check_name(name)
  return IntRange(low=low, high=high, step=step, name=name)


def uniform(low: float, high: float, name: str | None = None) -> Uniform:
  """Declares a choice of a real number, all in the range equally likely.

  Args:
    low: The smallest.
    high: The largest.
    name: One decision for all choices of this name, wherever they stand.

  Returns:
    The choice, to be put into a field.

  Raises:
    UserError: Where the range is empty or not finite.

  Example:
    >>> uniform(0, 0.5).values(points=3)
    [0.0, 0.25, 0.5]
  """
  _check_bounds('uniform', low, high)
  choices.check_name(name)
  return Uniform(float(low), float(high), name)


def loguniform(low: float, high: float, name: str | None = None) -> LogUniform:
  """Declares a choice of a positive number whose logarithm is uniform.

  Args:
    low: The smallest, above 0.
    high: The largest.
    name: One decision for all choices of this name, wherever they stand.

  Returns:
    The choice, to be put into a field.

  Raises:
    UserError: Where the range is empty, not finite or reaches 0.

  Example:
    >>> [round(v, 6) for v in loguniform(1e-4, 1e-2).values(points=3)]
    [0.0001, 0.001, 0.01]
  """
  _check_bounds('loguniform', low, high)
  if low <= 0 or not math.isfinite(high / low):
    raise errors.UserError(
      f'loguniform needs low > 0, got loguniform({low!r}, {high!r})'
    )
  choices.check_name(name)
  return LogUniform(float(low), float(high), name)


def _check_bounds(kind: str, low: Any, high: Any) -> None:
  numbers = int | float | np.integer | np.floating
  real = all(
    isinstance(x, numbers) and not isinstance(x, bool) for x in (low, high)
  )
  if not real or not low < high or not math.isfinite(float(high) - float(low)):
    raise errors.UserError(
      f'{kind} needs finite numbers low < high, got {kind}({low!r}, {high!r})'
    )
