"""Quality of classification from logits and labels, by scikit-learn."""

import numpy as np

from effnas import errors


def classify(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
  """Computes the quality metrics of a classifier.

  Precision, recall and F1 are means over the classes that occur in the labels
  or the predictions; AUC is the mean, over the classes that occur in the
  labels, of one class against the rest. What is undefined counts as 0, an
  undefined AUC (a single class in the labels) as 0.5.

  Args:
    logits: (N, classes) or (N, T, classes).
    labels: Integers, (N,) or (N, T).

  Returns:
    accuracy, top5 (the label is among the min(5, classes) highest), precision,
    recall, f1, auc, all from 0 to 1, and loss, the mean cross-entropy in nats.

  Raises:
    UserError: If the shapes do not fit or a label is not a class.

  Example:
    >>> classify(np.array([[2.0, 0.0], [1.0, 0.0]]), np.array([0, 1]))[
    ...   'accuracy']
    0.5
  """
  from sklearn import metrics

  logits, labels = np.asarray(logits), np.asarray(labels)
  if logits.shape[:-1] != labels.shape:
    raise errors.UserError(
      f'logits {logits.shape} need labels {logits.shape[:-1]}; '
      f'got labels {labels.shape}'
    )
  classes = logits.shape[-1]
  logits = logits.reshape(-1, classes).astype(np.float64)
  labels = labels.reshape(-1)
  if labels.min() < 0 or labels.max() >= classes:
    raise errors.UserError(
      f'labels must be from 0 to {classes - 1}, as the logits have {classes} '
      f'classes; got {labels.min()} to {labels.max()}'
    )
  logits -= logits.max(-1, keepdims=True)
  log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
  predicted = logits.argmax(-1)
  precision, recall, f1, _ = metrics.precision_recall_fscore_support(
    labels, predicted, average='macro', zero_division=0
  )
  top5 = 1.0
  if classes > 5:
    top5 = metrics.top_k_accuracy_score(
      labels, logits, k=5, labels=np.arange(classes)
    )
  present = np.unique(labels)
  auc = 0.5
  if len(present) > 1:
    auc = np.mean(
      [metrics.roc_auc_score(labels == c, np.exp(log_p[:, c])) for c in present]
    )
  values = {
    'accuracy': metrics.accuracy_score(labels, predicted),
    'top5': top5,
    'precision': precision,
    'recall': recall,
    'f1': f1,
    'auc': auc,
    'loss': -log_p[np.arange(len(labels)), labels].mean(),
  }
  return {name: float(value) for name, value in values.items()}
