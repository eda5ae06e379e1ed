"""The objective: labels, teachers and features, weighted and added."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.learn import objective
from effnas.learn.distillation import teacher as teacher_lib
from effnas.learn.distillation import terms as terms_lib
from effnas.learn.distillation import unlabelled


@dataclasses.dataclass(frozen=True)
class Distill(objective.Objective):
  """Distillation as an objective, see `effnas.learn.objective`.

      hard CE(y, s) + sum over terms of weight * loss

  Rows without a label (-1) are left out of the first. Weights, temperatures and
  the teachers' variables are traced: objectives that differ in them alone are
  equal and share a compiled program.

  Attributes:
    teachers: Networks to learn from.
    terms: What is learnt from them.
    hard: Weight of the labels' cross-entropy.
    shares: Weights of the teachers in what they say together.
    cached: Whether the teachers' logits come with the rows, see `extras`.
  """

  teachers: tuple[teacher_lib.Teacher, ...]
  terms: tuple[terms_lib.Term, ...]
  hard: float = dataclasses.field(default=0.1, compare=False)
  shares: tuple[float, ...] = dataclasses.field(default=(), compare=False)
  cached: bool = False

  def takes_unlabelled(self) -> bool:
    """Says that rows may lack a label: the terms have them all."""
    return True

  def heads(self) -> Mapping[str, Any]:
    """Returns the terms' modules."""
    return {
      _own(i, name): module
      for i, term in enumerate(self.terms)
      for name, module in term.heads().items()
    }

  def numbers(self) -> Mapping[str, float]:
    """Returns weights, temperatures and so on."""
    numbers = {'hard': self.hard}
    numbers |= {f'share{i}': share for i, share in enumerate(self.shares)}
    for i, term in enumerate(self.terms):
      numbers |= {_own(i, k): value for k, value in term.numbers().items()}
    return numbers

  def constants(self) -> Any:
    """Returns the variables of the teachers that run in the step."""
    if self.cached:
      return {}
    return {
      'teachers': tuple(
        jax.tree.map(jnp.asarray, teacher.variables)
        for teacher in self.teachers
      )
    }

  def extras(
    self, x: Any, prepare: Callable[[Any], jax.Array], batch_size: int = 256
  ) -> dict[str, np.ndarray]:
    """Returns what rows of a split need beside their labels.

    Args:
      x: The split's raw inputs.
      prepare: Raw batch -> what a network takes.
      batch_size: Inputs per batch.

    Returns:
      Logits (N, classes) by the teacher's name, where they are cached.
    """
    if not self.cached:
      return {}
    return {
      _teacher(i): teacher_lib.cached(
        teacher.net,
        teacher.variables,
        x,
        prepare,
        batch_size=batch_size,
        dtype=teacher.dtype,
      )
      for i, teacher in enumerate(self.teachers)
    }

  def __call__(
    self,
    forward: Any,
    batch: objective.Batch,
    key: jax.Array,
    numbers: Mapping[str, Any],
  ) -> objective.Outcome:
    """Returns the loss of a batch."""
    del key
    student = self._student(forward, batch)
    teachers = tuple(
      self._told(i, batch, numbers) for i in range(len(self.teachers))
    )
    for each in teachers:
      _check_classes(each.logits.shape, student.logits.shape)
    scene = terms_lib.Scene(
      student=student,
      teachers=teachers,
      shares=jnp.array([numbers[f'share{i}'] for i in range(len(teachers))]),
      batch=batch,
      smoothing=numbers['label_smoothing'],
      head=forward.head,
    )
    loss = numbers['hard'] * unlabelled.cross_entropy(
      student.logits, batch.labels, scene.smoothing
    )
    for i, term in enumerate(self.terms):
      own = {k: numbers[_own(i, k)] for k in term.numbers()}
      seen = scene._replace(head=_Head(forward, i))
      loss += own['weight'] * term(seen, own)
    return objective.Outcome(loss, student.logits)

  def _student(self, forward: Any, batch: objective.Batch) -> objective.Output:
    paths = sorted({path for term in self.terms for path in term.taps()})
    told = forward(batch.inputs, paths)
    for path in paths:
      if path not in told.features:
        known = {*forward(batch.inputs, ('*',)).features} - {''}
        raise errors.unknown('module of the student', path, known)
    return told

  def _told(
    self, i: int, batch: objective.Batch, numbers: Mapping[str, Any]
  ) -> objective.Output:
    if self.cached:
      return objective.Output(batch.extras[_teacher(i)], {})
    paths = {path for term in self.terms for path in term.teacher_taps(i)}
    variables = numbers['constants']['teachers'][i]
    return self.teachers[i](variables, batch.inputs, paths)


@dataclasses.dataclass(frozen=True)
class _Head:
  """Calls the modules of one term."""

  forward: Any
  term: int

  def __call__(self, name: str, x: jax.Array) -> jax.Array:
    return self.forward.head(_own(self.term, name), x)


def _own(term: int, name: str) -> str:
  return f'term{term}_{name}'


def _teacher(i: int) -> str:
  return f'teacher_{i}'


def _check_classes(teacher: Sequence[int], student: Sequence[int]) -> None:
  if teacher[-1] != student[-1]:
    raise errors.UserError(
      f'a teacher tells {teacher[-1]} classes and the student '
      f'{student[-1]}: they must be the same'
    )
