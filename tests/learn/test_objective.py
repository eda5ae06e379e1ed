import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effnas.learn import objective


@pytest.mark.parametrize('shape', [(5,), (2, 3)])
@pytest.mark.parametrize('smoothing', [0.0, 0.2])
def test_cross_entropy_matches_optax(shape, smoothing):
  rng = np.random.default_rng(0)
  logits = jnp.asarray(rng.standard_normal((*shape, 7)), jnp.float32)
  labels = jnp.asarray(rng.integers(7, size=shape))
  targets = optax.smooth_labels(jax.nn.one_hot(labels, 7), smoothing)
  expected = optax.softmax_cross_entropy(logits, targets).mean()
  ours = objective.cross_entropy(logits, labels, smoothing)
  np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_label_smoothing_by_hand():
  # p = (3/4, 1/4); targets (0.9, 0.1).
  logits = jnp.log(jnp.array([[3.0, 1.0]]))
  expected = -(0.9 * np.log(0.75) + 0.1 * np.log(0.25))
  ours = objective.cross_entropy(logits, jnp.array([0]), 0.2)
  np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_labels_may_be_weights():
  logits = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)))
  labels = jnp.array([2, 0, 1, 1])
  hard = objective.cross_entropy(logits, labels, 0.1)
  soft = objective.cross_entropy(logits, jax.nn.one_hot(labels, 3), 0.1)
  np.testing.assert_allclose(soft, hard, rtol=1e-6)
  # Linear in the weights: half of each of two labels is the mean of both.
  other = jax.nn.one_hot(jnp.array([0, 0, 0, 0]), 3)
  mixed = (jax.nn.one_hot(labels, 3) + other) / 2
  np.testing.assert_allclose(
    objective.cross_entropy(logits, mixed),
    (
      objective.cross_entropy(logits, labels)
      + objective.cross_entropy(logits, other)
    )
    / 2,
    rtol=1e-6,
  )


def test_mixed_labels_count_by_their_largest():
  logits = jnp.array([[1.0, 0, 0], [0, 1, 0]])
  weights = jnp.array([[0.6, 0.4, 0], [0.6, 0.4, 0]])
  assert objective.accuracy(logits, weights) == 0.5
  assert objective.accuracy(logits, jnp.array([0, 0])) == 0.5


def test_rows_without_a_label_are_left_out_of_the_accuracy():
  logits = jnp.eye(3)[jnp.array([0, 1, 2, 0])]
  labels = jnp.array([0, 0, -1, -1])
  assert objective.accuracy(logits, labels, unlabelled=True) == 0.5
  weights = jax.nn.one_hot(labels, 3)
  assert objective.accuracy(logits, weights, unlabelled=True) == 0.5
  none = jnp.full(4, -1)
  assert objective.accuracy(logits, none, unlabelled=True) == 0
  whole = jnp.array([0, 0, 2, 1])
  one = objective.accuracy(logits, whole)
  assert objective.accuracy(logits, whole, unlabelled=True) == one == 0.5


@pytest.mark.parametrize('shape', [(5,), (2, 3)])
def test_losses_of_rows_average_to_the_loss(shape):
  rng = np.random.default_rng(0)
  logits = jnp.asarray(rng.standard_normal((*shape, 7)), jnp.float32)
  labels = jnp.asarray(rng.integers(7, size=shape))
  rows = objective.row_losses(logits, labels)
  assert rows.shape == shape[:1]
  expected = objective.cross_entropy(logits, labels)
  np.testing.assert_allclose(rows.mean(), expected, rtol=1e-6)
  last = objective.cross_entropy(logits[-1:], labels[-1:])
  np.testing.assert_allclose(rows[-1], last, rtol=1e-6)
