"""What a choice is, and the choice between options."""

# ruff: noqa: D102  (methods are documented where they are abstract)

import abc
from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np

from effnas import errors
from effnas.space import labels as labelling
from effnas.space import placeholder


class Choice(placeholder.Placeholder, abc.ABC):
  """A decision to take; two choices are the same one only by identity or name.

  Attributes:
    name: The key of the decision, wherever it stands; None for its path.
    continuous: Whether there are infinitely many values.
    inactive: What fills the code of a choice that is absent from an arch.
  """

  name: str | None
  continuous = False
  inactive = 0.0

  @property
  @abc.abstractmethod
  def single(self) -> bool:
    """Whether there is only one value."""

  @abc.abstractmethod
  def holds(self, value: Any) -> bool:
    """Whether this is one of the values."""

  @abc.abstractmethod
  def sample(self, rng: np.random.Generator) -> labelling.Scalar:
    """Draws a value."""

  @abc.abstractmethod
  def values(self, points: int | None = None) -> Sequence[labelling.Scalar]:
    """All values in order; of a continuous range, that many points."""

  @property
  @abc.abstractmethod
  def width(self) -> int:
    """How many numbers encode a value."""

  @abc.abstractmethod
  def encode(self, value: Any) -> list[float]:
    """Encodes a value as `width` numbers."""

  @abc.abstractmethod
  def decode(self, code: np.ndarray) -> labelling.Scalar:
    """Returns the value nearest to any `width` finite numbers."""

  @abc.abstractmethod
  def describe(self) -> dict[str, Any]:
    """Kind and options or bounds, as plain JSON."""

  def other(
    self, value: labelling.Scalar, rng: np.random.Generator
  ) -> labelling.Scalar:
    """Draws a value that is not the given one."""
    while labelling.equal(new := self.sample(rng), value):
      pass
    return new


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class OneOf(Choice):
  """One of several options.

  Attributes:
    options: The options.
    labels: Their values in an arch.
    name: The key of the decision, or None.
    labelled: Whether the labels were given, and so tie choices of one name.
  """

  options: tuple[Any, ...]
  labels: tuple[labelling.Scalar, ...]
  name: str | None = None
  labelled: bool = False

  @property
  def single(self):
    return len(self.options) == 1

  def holds(self, value):
    return any(labelling.equal(value, label) for label in self.labels)

  def position(self, value: labelling.Scalar) -> int:
    """The index of the option that an arch value stands for."""
    for index, label in enumerate(self.labels):
      if labelling.equal(value, label):
        return index
    raise errors.UserError(f'{value!r} is not in {self!r}')

  def sample(self, rng):
    return self.labels[rng.integers(len(self.labels))]

  def values(self, points=None):
    return self.labels

  @property
  def width(self):
    return len(self.options)

  def encode(self, value):
    return [float(labelling.equal(value, label)) for label in self.labels]

  def decode(self, code):
    return self.labels[int(np.argmax(code))]

  def describe(self):
    return {'kind': 'oneof', 'options': list(self.labels)}

  def __repr__(self):
    words = [
      repr(label) if labelling.is_scalar(option) else str(label)
      for option, label in zip(self.options, self.labels, strict=True)
    ]
    if len(words) > 8:
      words[3:-1] = ['...']
    return said('oneof', words, self.name)


def oneof(
  *options: Any,
  name: str | None = None,
  labels: Sequence[str | int | float] | None = None,
) -> Any:
  """Declares a choice between options.

  Args:
    *options: What may stand in the field: numbers, strings, functions, tuples,
      modules, which may hold choices themselves.
    name: One decision for all choices of this name, wherever they stand.
    labels: The options' names in an arch, where the derived ones (a module's
      class, a function's name) do not please. Choices of one name and equal
      labels are one decision that may stand for other options at each place.

  Returns:
    The choice, to be put into a field.

  Raises:
    UserError: Without options, or where two are the same.

  Example:
    >>> oneof(3, 5, name='kernel')
    oneof(3, 5, name='kernel')
    >>> from effnas import space
    >>> tied = {'name': 'size', 'labels': ['small', 'large']}
    >>> s = space.Space((oneof(8, 16, **tied), oneof(64, 96, **tied)))
    >>> s.size, s.build({'size': 'large'})
    (2, (16, 96))
  """
  if not options:
    raise errors.UserError('oneof needs options, as in oneof(3, 5, 7)')
  if len(options) == 1 and isinstance(options[0], list | range):
    raise errors.UserError(
      f'oneof takes the options themselves, got one {options[0]!r}; '
      'write oneof(*options)'
    )
  # numpy's scalars are not JSON, their Python values are.
  plain = tuple(o.item() if isinstance(o, np.generic) else o for o in options)
  check_name(name)
  values = labelling.values(plain, labels)
  return OneOf(plain, values, name, labels is not None)


def check_name(name: Any) -> None:
  """Raises a UserError where this can be no name of a choice."""
  if name is not None and (not isinstance(name, str) or not name):
    raise errors.UserError(f'the name of a choice is a string, got {name!r}')


def said(kind: str, words: Sequence[str], name: str | None) -> str:
  """Writes a choice as it is declared."""
  named = [] if name is None else [f'name={name!r}']
  return f'{kind}({", ".join([*words, *named])})'
