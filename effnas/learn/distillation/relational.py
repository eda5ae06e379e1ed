"""Relations: rows lie to each other in the student as in the teacher."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.learn.distillation import terms


def distances(x: jax.Array) -> jax.Array:
  """Returns the Euclidean distances of rows over their mean.

      |x_i - x_j| / mean of those with i != j

  Args:
    x: (N, D).

  Returns:
    (N, N); 0 on the diagonal, and everywhere where all rows are the same.

  Example:
    >>> distances(jnp.array([[0.0], [1.0], [2.0]])).round(2).tolist()
    [[0.0, 0.75, 1.5], [0.75, 0.0, 0.75], [1.5, 0.75, 0.0]]
  """
  _, lengths = _differences(x)
  mean = lengths.sum() / max(len(x) * (len(x) - 1), 1)
  return lengths / jnp.where(mean > 0, mean, 1)


def angles(x: jax.Array) -> jax.Array:
  """Returns the cosines of the angles that three rows form.

      <x_i - x_j, x_k - x_j> / (|x_i - x_j| |x_k - x_j|)

  Args:
    x: (N, D). The differences take N^2 D numbers and the angles N^3.

  Returns:
    (N, N, N), indices j, i, k; 0 where two rows coincide.
  """
  differences, lengths = _differences(x)
  units = differences / jnp.where(lengths > 0, lengths, 1)[..., None]
  return jnp.einsum('jid,jkd->jik', units, units)


def distance_loss(student: jax.Array, teacher: jax.Array) -> jax.Array:
  """Returns how far the student's distances are from the teacher's.

  The Huber loss (delta 1) of the `distances`, averaged over ordered pairs of
  different rows.

  Args:
    student: (N, D).
    teacher: (N, D'); the sizes may differ.

  Returns:
    A scalar.

  Raises:
    UserError: Fewer than two rows.

  Reference:
    Park et al., 2019, Relational Knowledge Distillation,
    https://arxiv.org/abs/1904.05068 (section 3.2.1, there the sum)
  """
  _check_rows(student, 2, 'a distance')
  n = len(student)
  loss = _huber(distances(student) - distances(teacher))
  return loss.sum() / (n * (n - 1))  # The diagonal adds nothing.


def angle_loss(student: jax.Array, teacher: jax.Array) -> jax.Array:
  """Returns how far the student's angles are from the teacher's.

  The Huber loss (delta 1) of the cosines, averaged over ordered triples of
  different rows.

  Args:
    student: (N, D).
    teacher: (N, D'); the sizes may differ.

  Returns:
    A scalar.

  Raises:
    UserError: Fewer than three rows.

  Reference:
    Park et al., 2019, Relational Knowledge Distillation,
    https://arxiv.org/abs/1904.05068 (section 3.2.2, there the sum)
  """
  _check_rows(student, 3, 'an angle')
  n = len(student)
  other = ~np.eye(n, dtype=bool)
  triples = other[:, :, None] & other[:, None, :] & other[None]
  loss = _huber(angles(student) - angles(teacher))
  return jnp.sum(loss * triples) / (n * (n - 1) * (n - 2))


def _differences(x: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Returns x_i - x_j at [j, i], and their lengths."""
  differences = x[None] - x[:, None]
  squares = jnp.sum(differences**2, axis=-1)
  # The root has no gradient at 0, where it must not bring NaN into others.
  apart = squares > 0
  lengths = jnp.sqrt(jnp.where(apart, squares, 1)) * apart
  return differences, lengths


def _huber(x: jax.Array) -> jax.Array:
  size = jnp.abs(x)
  return jnp.where(size <= 1, 0.5 * x**2, size - 0.5)


def _check_rows(x: jax.Array, least: int, what: str) -> None:
  if len(x) < least:
    raise errors.UserError(
      f'{what} takes {least} rows of a batch; this one has {len(x)}: make '
      'batch_size larger'
    )


@dataclasses.dataclass(frozen=True)
class Distances(terms.Compared):
  """The term of `distance_loss`, on the outputs' means over positions."""

  def compare(
    self,
    pair: int,
    student: jax.Array,
    teacher: jax.Array,
    scene: terms.Scene,
    numbers: Mapping[str, Any],
  ) -> jax.Array:
    """Returns the loss of one pair."""
    del pair, scene, numbers
    return distance_loss(terms.embedding(student), terms.embedding(teacher))


@dataclasses.dataclass(frozen=True)
class Angles(terms.Compared):
  """The term of `angle_loss`, on the outputs' means over positions."""

  def compare(
    self,
    pair: int,
    student: jax.Array,
    teacher: jax.Array,
    scene: terms.Scene,
    numbers: Mapping[str, Any],
  ) -> jax.Array:
    """Returns the loss of one pair."""
    del pair, scene, numbers
    return angle_loss(terms.embedding(student), terms.embedding(teacher))
