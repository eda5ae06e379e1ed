"""What teachers say of the classes: soft labels, and their first choice."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from effnas import errors
from effnas.learn.distillation import terms


def pooled(
  logits: Sequence[jax.Array], temperature: Any = 1.0, weights: Any = None
) -> jax.Array:
  """Returns the logarithm of the teachers' mean probabilities.

      log sum_k w_k softmax(t_k / T)

  Args:
    logits: One array (..., classes) for each teacher.
    temperature: T; a higher one makes the probabilities more alike.
    weights: One number for each teacher, in any unit; None is the same for all.

  Returns:
    (..., classes).

  Example:
    >>> sure, unsure = jnp.log(jnp.array([0.9, 0.1])), jnp.zeros(2)
    >>> [f'{p:.2f}' for p in jnp.exp(pooled([sure, unsure])).tolist()]
    ['0.70', '0.30']

  Reference:
    Hinton, Vinyals, Dean, 2015, Distilling the Knowledge in a Neural Network,
    https://arxiv.org/abs/1503.02531
  """
  said = jnp.stack([jax.nn.log_softmax(each / temperature) for each in logits])
  share = jnp.ones(len(logits)) if weights is None else jnp.asarray(weights)
  share = (share / share.sum()).reshape(-1, *(1 for _ in said.shape[1:]))
  return jax.nn.logsumexp(said, axis=0, b=share)


def soft_labels(
  student: jax.Array,
  targets: jax.Array,
  temperature: Any = 1.0,
  *,
  t_squared: bool = True,
) -> jax.Array:
  """Returns the divergence of the student from soft labels at a temperature.

      T^2 KL(p || softmax(s / T)),    averaged over the rows

  It has the gradient of the cross-entropy with p, and is 0 where the student
  says p. That gradient is 1/T of the probabilities' difference, and the
  difference itself falls with 1/T: times T^2 it stays of one size beside the
  labels' whatever the temperature. For high T it is that of
  |s - t|^2 / (2 classes), logits centred.

  Args:
    student: Logits s, (..., classes).
    targets: log p, as `pooled` gives them at this temperature.
    temperature: T.
    t_squared: Whether to multiply by T^2.

  Returns:
    A scalar in nats (times T^2).

  Example:
    >>> logits = jnp.array([[1.0, 2.0, 4.0]])
    >>> float(soft_labels(logits, pooled([logits], 4.0), 4.0))
    0.0

  Reference:
    Hinton, Vinyals, Dean, 2015, section 2,
    https://arxiv.org/abs/1503.02531
  """
  off = targets - jax.nn.log_softmax(student / temperature)
  loss = jnp.mean(jnp.sum(jnp.exp(targets) * off, axis=-1))
  return loss * temperature**2 if t_squared else loss


def softmax_twice(
  student: jax.Array, targets: jax.Array, temperature: Any = 1.0
) -> jax.Array:
  """Returns the soft term of the survey's notebook, to reproduce it.

      -sum p log softmax(softmax(s / T)),    averaged over the rows

  The notebook takes the student's probabilities for logits. As they lie between
  0 and 1 the term never leaves log(classes) by more than 1.

  Args:
    student: Logits s, (..., classes).
    targets: log p, as `pooled` gives them at this temperature.
    temperature: T.

  Returns:
    A scalar in nats.

  Reference:
    Menghani, 2021, Efficient Deep Learning, companion notebook,
    https://arxiv.org/abs/2106.08962
  """
  said = jax.nn.log_softmax(jax.nn.softmax(student / temperature))
  return -jnp.mean(jnp.sum(jnp.exp(targets) * said, axis=-1))


def teacher_labels(student: jax.Array, targets: jax.Array) -> jax.Array:
  """Returns the cross-entropy with the class that the teachers choose.

  Args:
    student: Logits, (..., classes).
    targets: The teachers' logits or log probabilities, (..., classes).

  Returns:
    A scalar in nats.

  Reference:
    Touvron et al., 2020, Training data-efficient image transformers,
    https://arxiv.org/abs/2012.12877 (equation 3, there with weight 1/2)
  """
  chosen = targets.argmax(-1)[..., None]
  said = jnp.take_along_axis(jax.nn.log_softmax(student), chosen, axis=-1)
  return -jnp.mean(said)


@dataclasses.dataclass(frozen=True)
class SoftLabels(terms.Term):
  """The term of `soft_labels`.

  Attributes:
    temperature: More than 0.
    t_squared: Whether the term is multiplied by the temperature's square.
    softmax_twice: Take `softmax_twice` instead, which has no such factor.
  """

  temperature: float = dataclasses.field(default=4.0, compare=False)
  t_squared: bool = True
  softmax_twice: bool = False

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    terms.check('temperature', self.temperature, above=0)
    if self.softmax_twice and self.t_squared:
      raise errors.UserError(
        "softmax_twice, the notebook's soft labels, has no T^2: give "
        't_squared=False with it'
      )

  def numbers(self) -> Mapping[str, float]:
    """Returns weight and temperature."""
    return {**super().numbers(), 'temperature': self.temperature}

  def __call__(
    self, scene: terms.Scene, numbers: Mapping[str, Any]
  ) -> jax.Array:
    """Returns the loss of a batch."""
    heat = numbers['temperature']
    targets = pooled(scene.said, heat, scene.shares)
    if self.softmax_twice:
      return softmax_twice(scene.student.logits, targets, heat)
    return soft_labels(
      scene.student.logits, targets, heat, t_squared=self.t_squared
    )


@dataclasses.dataclass(frozen=True)
class TeacherLabels(terms.Term):
  """The term of `teacher_labels`."""

  def __call__(
    self, scene: terms.Scene, numbers: Mapping[str, Any]
  ) -> jax.Array:
    """Returns the loss of a batch."""
    del numbers
    targets = pooled(scene.said, weights=scene.shares)
    return teacher_labels(scene.student.logits, targets)
