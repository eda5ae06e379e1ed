"""Hints: the student's features, projected, approach the teacher's."""

from collections.abc import Callable, Mapping
import dataclasses
import math
from typing import Any

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.learn.distillation import terms


def hint(student: jax.Array, teacher: jax.Array) -> jax.Array:
  """Returns the mean squared difference of features.

      mean (r(s) - t)^2 = 2 / (size of t) * (FitNets' loss of a row), averaged

  Args:
    student: (N, ..., C), already projected to the teacher's channels.
    teacher: (N, ..., C), of the same sizes.

  Returns:
    A scalar.

  Reference:
    Romero et al., 2014, FitNets: Hints for Thin Deep Nets,
    https://arxiv.org/abs/1412.6550 (equation 3, there half the sum)
  """
  return jnp.mean((student - teacher) ** 2)


def matched(
  student: jax.Array, teacher: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Brings feature maps to the same height and width, the smaller of each.

  The larger is averaged over the windows [floor(iH/h), ceil((i+1)H/h)), which
  tile it where h divides H and overlap by a pixel where not. Outputs without
  two spatial axes must have their sizes in common.

  Args:
    student: (N, H, W, C), or (N, ..., C).
    teacher: (N, H', W', C'), or (N, ..., C').

  Returns:
    Both.

  Raises:
    UserError: A map and what is none, or sizes that differ.

  Example:
    >>> one, other = matched(jnp.ones((2, 8, 8, 3)), jnp.ones((2, 4, 4, 5)))
    >>> one.shape, other.shape
    ((2, 4, 4, 3), (2, 4, 4, 5))
  """
  if student.shape[:-1] == teacher.shape[:-1]:
    return student, teacher
  if student.ndim != 4 or teacher.ndim != 4:
    raise errors.UserError(
      f'outputs of shapes {student.shape} and {teacher.shape} cannot be '
      'compared: pair two maps (N, H, W, C), or outputs of as many positions'
    )
  height = min(student.shape[1], teacher.shape[1])
  width = min(student.shape[2], teacher.shape[2])
  return _averaged(student, height, width), _averaged(teacher, height, width)


def _averaged(x: jax.Array, height: int, width: int) -> jax.Array:
  rows, columns = _windows(x.shape[1], height), _windows(x.shape[2], width)
  return jnp.einsum('hH,wW,nHWc->nhwc', rows, columns, x)


def _windows(size: int, count: int) -> np.ndarray:
  """Returns the matrix (count, size) that averages over windows."""
  matrix = np.zeros((count, size), np.float32)
  for i in range(count):
    start, end = i * size // count, math.ceil((i + 1) * size / count)
    matrix[i, start:end] = 1 / (end - start)
  return matrix


@dataclasses.dataclass(frozen=True)
class Hint(terms.Compared):
  """The term of `hint`, with a projection for each pair.

  The projection is linear in the channels, a 1x1 convolution on maps; it trains
  with the student and is dropped with the training.

  Attributes:
    widths: Channels of the teacher's outputs; `sized` fills them in.
  """

  widths: tuple[int, ...] = dataclasses.field(default=(), kw_only=True)

  def sized(self, widths: Callable[[int, str], int], classes: int) -> 'Hint':
    """Returns the term with the teacher's widths."""
    del classes
    found = tuple(widths(self.teacher, told) for _, told in self.pairs)
    return dataclasses.replace(self, widths=found)

  def heads(self) -> Mapping[str, Any]:
    """Returns the projections."""
    return {str(i): linen.Dense(width) for i, width in enumerate(self.widths)}

  def compare(
    self,
    pair: int,
    student: jax.Array,
    teacher: jax.Array,
    scene: terms.Scene,
    numbers: Mapping[str, Any],
  ) -> jax.Array:
    """Returns the loss of one pair."""
    del numbers
    # Averages of positions and projections of channels commute: the smaller
    # map is the cheaper to project.
    student, teacher = matched(student, teacher)
    return hint(scene.head(str(pair), student), teacher)
