"""Terms of a distillation: losses of what student and teachers gave."""

import abc
from collections.abc import Callable, Mapping, Sequence
import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from effnas import errors
from effnas.learn import objective

# In place of a module's path: what the network gives itself.
LOGITS = 'logits'


class Scene(NamedTuple):
  """What the terms of one step look at.

  Attributes:
    student: The student's output.
    teachers: The teachers', without gradient.
    shares: Weights of the teachers.
    batch: The rows.
    smoothing: Label smoothing, for terms that look at labels.
    head: (name, array) -> what a module of the term's own makes of it.
  """

  student: objective.Output
  teachers: tuple[objective.Output, ...]
  shares: jax.Array
  batch: objective.Batch
  smoothing: Any
  head: Callable[[str, jax.Array], jax.Array]

  @property
  def said(self) -> list[jax.Array]:
    """Logits of each teacher."""
    return [teacher.logits for teacher in self.teachers]


@dataclasses.dataclass(frozen=True)
class Term(abc.ABC):
  """A loss, times a weight; what is traced does not count in `==` and hash.

  Attributes:
    weight: 0 or more.
  """

  weight: float = dataclasses.field(default=1.0, compare=False)

  def __post_init__(self):
    """Checks the weight."""
    check('weight', self.weight, least=0)

  def asks_teachers(self) -> bool:
    """Says whether it looks at the teachers."""
    return True

  def taps(self) -> Sequence[str]:
    """Returns paths of the student's modules whose outputs it looks at."""
    return ()

  def teacher_taps(self, teacher: int) -> Sequence[str]:
    """Returns such paths in a teacher."""
    del teacher
    return ()

  def sized(self, widths: Callable[[int, str], int], classes: int) -> 'Term':
    """Returns the term with the sizes of its own modules.

    Args:
      widths: (teacher, path) -> channels of that module's output.
      classes: Number of classes.
    """
    del widths, classes
    return self

  def heads(self) -> Mapping[str, Any]:
    """Returns modules that train with the student, by name."""
    return {}

  def numbers(self) -> Mapping[str, float]:
    """Returns what is traced."""
    return {'weight': self.weight}

  @abc.abstractmethod
  def __call__(self, scene: Scene, numbers: Mapping[str, Any]) -> jax.Array:
    """Returns the loss of a batch, without the weight."""


@dataclasses.dataclass(frozen=True)
class Compared(Term):
  """A loss between outputs of modules, added over pairs of them.

  Attributes:
    pairs: Paths of a student's module and of a teacher's, (student, teacher);
      one path alone is that of both; 'logits' are the logits.
    teacher: Which teacher, from 0.
  """

  pairs: Sequence[Any] = ()  # of two paths, once in form
  teacher: int = 0

  def __post_init__(self):
    """Brings the pairs into form."""
    super().__post_init__()
    object.__setattr__(self, 'pairs', tuple(_pair(p) for p in self.pairs))
    if not self.pairs:
      raise errors.UserError(
        f'{type(self).__name__} compares outputs of modules: name pairs of '
        "paths, as [['stages/1', 'stages/1']]"
      )

  def taps(self) -> Sequence[str]:
    """Returns the student's paths."""
    return [student for student, _ in self.pairs if student != LOGITS]

  def teacher_taps(self, teacher: int) -> Sequence[str]:
    """Returns the teacher's paths."""
    if teacher != self.teacher:
      return ()
    return [told for _, told in self.pairs if told != LOGITS]

  @abc.abstractmethod
  def compare(
    self,
    pair: int,
    student: jax.Array,
    teacher: jax.Array,
    scene: Scene,
    numbers: Mapping[str, Any],
  ) -> jax.Array:
    """Returns the loss of one pair of outputs."""

  def __call__(self, scene: Scene, numbers: Mapping[str, Any]) -> jax.Array:
    """Returns the sum over the pairs."""
    total = jnp.float32(0)
    for i, (student, told) in enumerate(self.pairs):
      total += self.compare(
        i,
        output(scene.student, student),
        output(scene.teachers[self.teacher], told),
        scene,
        numbers,
      )
    return total


def output(outputs: objective.Output, path: str) -> jax.Array:
  """Returns what a module gave, or the logits."""
  return outputs.logits if path == LOGITS else outputs.features[path]


def embedding(x: jax.Array) -> jax.Array:
  """Returns a vector for each row: the mean over positions.

  Args:
    x: (N, ..., C).

  Returns:
    (N, C).

  Example:
    >>> embedding(jnp.ones((2, 4, 4, 3))).shape
    (2, 3)
  """
  return x.reshape(x.shape[0], -1, x.shape[-1]).mean(1)


def check(
  name: str,
  value: Any,
  *,
  above: float = -math.inf,
  least: float = -math.inf,
  most: float = math.inf,
) -> None:
  """Raises a `UserError` for what is no number or lies out of its bounds.

  Args:
    name: Of the setting.
    value: What was given.
    above: It must be more than this.
    least: It must be this or more.
    most: It must be this or less.
  """
  number = isinstance(value, int | float) and not isinstance(value, bool)
  if (
    number and math.isfinite(value) and value > above and least <= value <= most
  ):
    return
  rules = [
    f'more than {above:g}' if math.isfinite(above) else '',
    f'{least:g} or more' if math.isfinite(least) else '',
    f'{most:g} or less' if math.isfinite(most) else '',
  ]
  told = ' and '.join(rule for rule in rules if rule)
  raise errors.UserError(f'{name} must be a number {told}; got {value!r}')


def _pair(pair: Any) -> tuple[str, str]:
  if isinstance(pair, str):
    return pair, pair
  if (
    isinstance(pair, Sequence)
    and len(pair) == 2
    and all(isinstance(path, str) for path in pair)
  ):
    return pair[0], pair[1]
  raise errors.UserError(
    'a pair is a path in the student and one in the teacher, as '
    f"['stages/1', 'stages/1']; got {pair!r}"
  )
