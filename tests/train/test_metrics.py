import numpy as np
import pytest

from effnas import errors
from effnas.train import metrics


def test_by_hand():
  # Labels 0 0 1 1; predictions 0 1 1 1.
  p = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9]])
  values = metrics.classify(np.log(p) + 3.0, np.array([0, 0, 1, 1]))
  expected = {
    'accuracy': 3 / 4,
    'top5': 1.0,
    'precision': (1 + 2 / 3) / 2,
    'recall': (1 / 2 + 1) / 2,
    'f1': (2 / 3 + 4 / 5) / 2,
    'auc': 1.0,
    'loss': -np.log(p[[0, 1, 2, 3], [0, 0, 1, 1]]).mean(),
  }
  assert values == pytest.approx(expected)
  assert all(type(v) is float for v in values.values())


def test_auc_counts_wrong_pairs():
  # Of the 2 x 2 pairs of a positive and a negative, one stands wrong.
  scores = np.array([0.1, 0.6, 0.5, 0.9])
  logits = np.log(np.stack([1 - scores, scores], -1))
  assert metrics.classify(logits, np.array([0, 0, 1, 1]))['auc'] == 0.75


def test_top5_of_eight_classes():
  logits = np.tile(np.arange(8.0), (8, 1))
  values = metrics.classify(logits, np.arange(8))
  assert values['top5'] == 5 / 8
  assert values['accuracy'] == 1 / 8


def test_absent_classes():
  # Class 2 is predicted but absent, class 3 neither.
  logits = np.eye(4)[[0, 1, 2]] * 9
  values = metrics.classify(logits, np.array([0, 1, 1]))
  assert values['precision'] == pytest.approx(2 / 3)
  assert values['recall'] == pytest.approx((1 + 1 / 2 + 0) / 3)
  assert values['auc'] == pytest.approx((1 + 0.75) / 2)
  alone = metrics.classify(np.eye(4)[[2, 2]], np.array([2, 2]))
  assert alone['auc'] == 0.5
  assert alone['accuracy'] == 1.0


def test_tokens_count_one_by_one():
  rng = np.random.default_rng(0)
  logits, labels = rng.standard_normal((4, 6, 7)), rng.integers(7, size=(4, 6))
  assert metrics.classify(logits, labels) == metrics.classify(
    logits.reshape(24, 7), labels.reshape(24)
  )


def test_large_logits_stay_finite():
  values = metrics.classify(
    np.array([[1e4, 0.0], [0.0, 1e4]]), np.array([1, 1])
  )
  assert values['loss'] == 5e3


def test_bad_input():
  with pytest.raises(errors.UserError, match=r'need labels \(3,\)'):
    metrics.classify(np.zeros((3, 2)), np.zeros(4, int))
  with pytest.raises(errors.UserError, match='from 0 to 1'):
    metrics.classify(np.zeros((3, 2)), np.array([0, 1, 2]))
