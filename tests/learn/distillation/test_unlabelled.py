import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.learn import objective
from effnas.learn.distillation import unlabelled


def _logits(seed, *shape):
  rng = np.random.default_rng(seed)
  return jnp.asarray(rng.normal(size=shape), jnp.float32)


@pytest.mark.parametrize('shape', [(6,), (2, 3)])
def test_rows_without_a_label_do_not_count(shape):
  logits = _logits(0, *shape, 4)
  labels = jnp.arange(6).reshape(shape) % 4
  whole = objective.cross_entropy(logits, labels, 0.1)
  told = unlabelled.cross_entropy(logits, labels, 0.1)
  np.testing.assert_allclose(told, whole, rtol=1e-6)
  weights = jax.nn.one_hot(labels, 4)
  told = unlabelled.cross_entropy(logits, weights, 0.1)
  np.testing.assert_allclose(told, whole, rtol=1e-6)
  some = jnp.where(labels == 3, -1, labels)
  kept = np.asarray(labels != 3)
  expected = objective.cross_entropy(logits[kept], labels[kept], 0.1)
  for given in (some, jax.nn.one_hot(some, 4)):
    told = unlabelled.cross_entropy(logits, given, 0.1)
    np.testing.assert_allclose(told, expected, rtol=1e-6)
  grad = jax.grad(unlabelled.cross_entropy)(logits, some, 0.1)
  assert not np.asarray(grad)[~kept].any()
  assert unlabelled.cross_entropy(logits, jnp.full(shape, -1)) == 0


def test_pseudo_labels_of_the_sure_rows_only():
  student, labeller = _logits(0, 40, 3), 2 * _logits(1, 40, 3)
  rows = jnp.arange(40) % 4 != 0
  p = np.asarray(jax.nn.softmax(labeller))
  log_p = np.asarray(jax.nn.log_softmax(student))
  counts = []
  for threshold in (0.0, 0.5, 0.9, 1.1):
    _, sure = unlabelled.pseudo_labels(labeller, threshold)
    np.testing.assert_array_equal(sure, p.max(-1) >= threshold)
    counts.append(int(sure.sum()))
    each = -log_p[np.arange(40), p.argmax(-1)] * np.asarray(sure & rows)
    told = unlabelled.pseudo_cross_entropy(student, labeller, threshold, rows)
    np.testing.assert_allclose(told, each.sum() / 30, rtol=1e-5)
    grad = jax.grad(unlabelled.pseudo_cross_entropy)(
      student, labeller, threshold, rows
    )
    np.testing.assert_array_equal(
      np.asarray(grad).any(-1), np.asarray(sure & rows)
    )
  assert counts[0] == 40
  assert counts[-1] == 0
  assert counts == sorted(counts, reverse=True)
  assert 0 < counts[2] < 40


def test_nothing_flows_into_the_labeller():
  logits, rows = _logits(0, 5, 3), jnp.ones(5, bool)
  grad = jax.grad(
    lambda s: unlabelled.pseudo_cross_entropy(logits, s, 0.0, rows)
  )(logits)
  assert not np.asarray(grad).any()


def test_bad_settings():
  with pytest.raises(errors.UserError, match='0 or more and 1 or less'):
    unlabelled.PseudoLabels(threshold=1.5)
  with pytest.raises(errors.UserError, match="unknown labeller 'techers'"):
    unlabelled.PseudoLabels(by='techers')
