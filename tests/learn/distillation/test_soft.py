import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.learn import objective
from effnas.learn.distillation import soft


def _logits(seed, shape=(6, 5)):
  rng = np.random.default_rng(seed)
  return jnp.asarray(rng.normal(size=shape), jnp.float32)


def _gradient(student, teacher, temperature, **flags):
  def loss(s):
    return soft.soft_labels(
      s, soft.pooled([teacher], temperature), temperature, **flags
    )

  return jax.grad(loss)(student)


@pytest.mark.parametrize('temperature', [1.0, 4.0])
def test_soft_labels_are_the_divergence(temperature):
  student, teacher = _logits(0), _logits(1)
  p, q = (
    np.exp(np.asarray(jax.nn.log_softmax(x / temperature), np.float64))
    for x in (teacher, student)
  )
  expected = temperature**2 * np.mean(np.sum(p * np.log(p / q), axis=-1))
  targets = soft.pooled([teacher], temperature)
  told = soft.soft_labels(student, targets, temperature)
  np.testing.assert_allclose(told, expected, rtol=1e-5)
  plain = soft.soft_labels(student, targets, temperature, t_squared=False)
  np.testing.assert_allclose(plain * temperature**2, told, rtol=1e-6)


def test_gradient_is_that_of_the_cross_entropy():
  student, teacher = _logits(0), _logits(1)
  targets = jax.nn.softmax(teacher)
  expected = jax.grad(lambda s: objective.cross_entropy(s, targets))(student)
  np.testing.assert_allclose(
    _gradient(student, teacher, 1.0), expected, rtol=1e-4, atol=1e-6
  )


def test_t_squared_keeps_the_gradient_whose_limit_matches_logits():
  student, teacher = _logits(0), _logits(1)

  def centred(x):
    return x - x.mean(-1, keepdims=True)

  rows, classes = student.shape
  limit = (centred(student) - centred(teacher)) / classes / rows
  for temperature, tolerance in ((30.0, 0.1), (300.0, 0.01)):
    found = _gradient(student, teacher, temperature)
    off = jnp.linalg.norm(found - limit) / jnp.linalg.norm(limit)
    assert off < tolerance
    without = _gradient(student, teacher, temperature, t_squared=False)
    np.testing.assert_allclose(
      without * temperature**2, found, rtol=1e-3, atol=1e-7
    )


def test_loss_is_least_where_the_student_is_the_teacher():
  teacher = _logits(1)
  targets = soft.pooled([teacher], 3.0)
  assert abs(soft.soft_labels(teacher, targets, 3.0)) < 1e-6
  assert jnp.abs(_gradient(teacher, teacher, 3.0)).max() < 1e-6
  for seed in range(3):
    moved = teacher + 0.1 * _logits(seed + 5)
    assert soft.soft_labels(moved, targets, 3.0) > 1e-5


def test_equal_teachers_are_one_teacher():
  teacher, other = _logits(1), _logits(2)
  one = soft.pooled([teacher], 2.0)
  three = soft.pooled([teacher] * 3, 2.0, jnp.array([1.0, 5.0, 2.0]))
  np.testing.assert_allclose(three, one, rtol=1e-5)
  # Probabilities are averaged, and a weight of 0 leaves a teacher out.
  np.testing.assert_allclose(
    jnp.exp(soft.pooled([teacher, other], 2.0, jnp.array([3.0, 1.0]))),
    0.75 * jax.nn.softmax(teacher / 2) + 0.25 * jax.nn.softmax(other / 2),
    rtol=1e-5,
  )
  np.testing.assert_allclose(
    soft.pooled([teacher, other], 2.0, jnp.array([1.0, 0.0])), one, rtol=1e-5
  )


def test_the_notebooks_form_by_hand():
  # p = (3/4, 1/4) of the teacher, (1/2, 1/2) of the student: softmax of equal
  # values is even again.
  targets = soft.pooled([jnp.log(jnp.array([[3.0, 1.0]]))])
  np.testing.assert_allclose(
    soft.softmax_twice(jnp.zeros((1, 2)), targets), np.log(2), rtol=1e-6
  )
  # However sure the student is, the term hardly moves.
  sure = soft.softmax_twice(jnp.array([[50.0, 0.0]]), targets)
  expected = np.log(1 + np.e) - 0.75
  np.testing.assert_allclose(sure, expected, rtol=1e-5)


def test_teacher_labels_are_hard():
  student, teacher = _logits(0), _logits(1)
  expected = objective.cross_entropy(student, teacher.argmax(-1))
  np.testing.assert_allclose(
    soft.teacher_labels(student, teacher), expected, rtol=1e-6
  )


def test_the_notebooks_form_has_no_t_squared():
  with pytest.raises(errors.UserError, match='give t_squared=False with it'):
    soft.SoftLabels(softmax_twice=True)
