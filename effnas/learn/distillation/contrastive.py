"""Contrast: a row's student is nearer to its own teacher than to others'."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.learn.distillation import terms


def contrastive(
  student: jax.Array,
  teacher: jax.Array,
  temperature: Any = 0.07,
  *,
  labels: jax.Array | None = None,
) -> jax.Array:
  """Returns the contrastive loss between two views of the rows of a batch.

      c_ij = exp(<s_i, t_j> / T), vectors of length 1
      -1/2 mean_i [log c_ii / sum_j c_ij + log c_ii / sum_j c_ji]

  It differs from contrastive representation distillation: negatives are the
  other rows of the batch instead of 16,384 from a memory of the whole data set,
  and the loss is InfoNCE, a choice among them, instead of a yes or no for each.
  As there, either side is the anchor in turn, and negatives can be kept to
  other classes.

  Args:
    student: (N, D).
    teacher: (N, D).
    temperature: T.
    labels: Classes (N,); rows of one class are then no negatives of each other.
      Negative ones are unknown, and negatives of all.

  Returns:
    A scalar in nats; log N where nothing is told apart.

  Raises:
    UserError: Fewer than two rows.

  Example:
    >>> rows = jnp.eye(4)
    >>> good, bad = (contrastive(rows, x) for x in (rows, rows[::-1]))
    >>> bool(good < bad)
    True

  Reference:
    Tian, Krishnan, Isola, 2019, Contrastive Representation Distillation,
    https://arxiv.org/abs/1910.10699; van den Oord, Li, Vinyals, 2018,
    Representation Learning with Contrastive Predictive Coding,
    https://arxiv.org/abs/1807.03748 (InfoNCE)
  """
  if len(student) < 2:
    raise errors.UserError(
      'a contrast takes 2 rows of a batch; this one has '
      f'{len(student)}: make batch_size larger'
    )
  alike = _unit(student) @ _unit(teacher).T / temperature
  if labels is not None:
    same = (labels[:, None] == labels[None]) & (labels[:, None] >= 0)
    others = same & ~jnp.eye(len(labels), dtype=bool)
    alike = jnp.where(others, -jnp.inf, alike)
  own = jnp.diagonal(alike)
  rows = jax.nn.logsumexp(alike, axis=1) + jax.nn.logsumexp(alike, axis=0)
  return jnp.mean(rows / 2 - own)


def _unit(x: jax.Array) -> jax.Array:
  squares = jnp.sum(x**2, axis=-1, keepdims=True)
  return x * jax.lax.rsqrt(jnp.where(squares > 0, squares, 1))


@dataclasses.dataclass(frozen=True)
class Contrastive(terms.Compared):
  """The term of `contrastive`, with linear projections of both sides.

  Attributes:
    width: Channels that both are projected to.
    temperature: More than 0.
    other_classes: Whether rows of one class are no negatives of each other.
  """

  width: int = 128
  temperature: float = dataclasses.field(default=0.07, compare=False)
  other_classes: bool = True

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    terms.check('temperature', self.temperature, above=0)
    terms.check('width', self.width, least=1)

  def heads(self) -> Mapping[str, Any]:
    """Returns the projections."""
    return {
      f'{side}{i}': linen.Dense(self.width)
      for i in range(len(self.pairs))
      for side in ('student', 'teacher')
    }

  def numbers(self) -> Mapping[str, float]:
    """Returns weight and temperature."""
    return {**super().numbers(), 'temperature': self.temperature}

  def compare(
    self,
    pair: int,
    student: jax.Array,
    teacher: jax.Array,
    scene: terms.Scene,
    numbers: Mapping[str, Any],
  ) -> jax.Array:
    """Returns the loss of one pair."""
    labels = scene.batch.labels
    known = labels.ndim == 1 and self.other_classes
    return contrastive(
      scene.head(f'student{pair}', terms.embedding(student)),
      scene.head(f'teacher{pair}', terms.embedding(teacher)),
      numbers['temperature'],
      labels=labels if known else None,
    )
