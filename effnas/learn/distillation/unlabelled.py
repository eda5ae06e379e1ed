"""Rows without a label: left out of what needs one, or given one."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from effnas import errors
from effnas.learn import objective
from effnas.learn.distillation import soft, terms

_BY = ('teachers', 'student')


def cross_entropy(
  logits: jax.Array, labels: jax.Array, smoothing: Any = 0.0
) -> jax.Array:
  """Returns the mean cross-entropy of the rows that have a label.

  Args:
    logits: (..., classes).
    labels: As for `effnas.learn.objective.labelled`.
    smoothing: Share of the target that is spread evenly over all classes.

  Returns:
    A scalar in nats; 0 where no row has a label.

  Example:
    >>> logits = jnp.zeros((2, 10))
    >>> round(float(cross_entropy(logits, jnp.array([3, -1]))), 4)
    2.3026
  """
  return _mean(_each(logits, labels, smoothing), objective.labelled(labels))


def pseudo_labels(
  logits: jax.Array, threshold: Any
) -> tuple[jax.Array, jax.Array]:
  """Returns the likeliest classes, and where they are likely enough.

  Args:
    logits: (..., classes).
    threshold: Probability from which a class stands as a label.

  Returns:
    Classes (...), and booleans (...).

  Example:
    >>> labels, sure = pseudo_labels(jnp.array([[4.0, 0.0], [0.0, 0.1]]), 0.9)
    >>> labels.tolist(), sure.tolist()
    ([0, 1], [True, False])
  """
  return logits.argmax(-1), jax.nn.softmax(logits).max(-1) >= threshold


def pseudo_cross_entropy(
  student: jax.Array, labeller: jax.Array, threshold: Any, rows: jax.Array
) -> jax.Array:
  """Returns the cross-entropy with the labels that a labeller is sure of.

      sum over `rows` of [max p >= threshold] CE(argmax p, s) / number of `rows`

  Rows whose label is doubtful count in the mean with 0, so that the term grows
  as the labeller gains confidence.

  Args:
    student: Logits, (..., classes).
    labeller: Logits, (..., classes); nothing flows back into them.
    threshold: See `pseudo_labels`; 0 takes every row.
    rows: Booleans (...): those that are to be labelled.

  Returns:
    A scalar in nats; 0 where there are no such rows.

  Reference:
    Lee, 2013, Pseudo-Label (threshold 0, the student its own labeller); Sohn
    et al., 2020, FixMatch, https://arxiv.org/abs/2001.07685 (equation 4; there
    the labeller is the student on another view of the row)
  """
  labels, sure = pseudo_labels(jax.lax.stop_gradient(labeller), threshold)
  return _mean(jnp.where(sure, _each(student, labels, 0.0), 0), rows)


def _each(logits: jax.Array, labels: jax.Array, smoothing: Any) -> jax.Array:
  """Returns the cross-entropy row by row."""
  if not jnp.issubdtype(labels.dtype, jnp.floating):
    labels = jnp.maximum(labels, 0)
  return -objective.log_likelihood(logits, labels, smoothing)


def _mean(values: jax.Array, rows: jax.Array) -> jax.Array:
  return jnp.sum(values * rows) / jnp.maximum(rows.sum(), 1)


@dataclasses.dataclass(frozen=True)
class PseudoLabels(terms.Term):
  """The term of `pseudo_cross_entropy`, for the rows without a label.

  Attributes:
    threshold: From 0 to 1.
    by: Who labels: 'teachers' or 'student'.
  """

  threshold: float = dataclasses.field(default=0.95, compare=False)
  by: str = 'teachers'

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    terms.check('threshold', self.threshold, least=0, most=1)
    if self.by not in _BY:
      raise errors.unknown('labeller', self.by, _BY)

  def asks_teachers(self) -> bool:
    """Says whether the teachers label."""
    return self.by == 'teachers'

  def numbers(self) -> Mapping[str, float]:
    """Returns weight and threshold."""
    return {**super().numbers(), 'threshold': self.threshold}

  def __call__(
    self, scene: terms.Scene, numbers: Mapping[str, Any]
  ) -> jax.Array:
    """Returns the loss of a batch."""
    labeller = scene.student.logits
    if self.asks_teachers():
      labeller = soft.pooled(scene.said, weights=scene.shares)
    return pseudo_cross_entropy(
      scene.student.logits,
      labeller,
      numbers['threshold'],
      ~objective.labelled(scene.batch.labels),
    )
