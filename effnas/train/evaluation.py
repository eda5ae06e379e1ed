"""Logits and quality of a trained network."""

from collections.abc import Callable
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.learn import objective as objective_lib
from effnas.train import epoch, metrics, step
from effnas.train import prepare as prepare_lib

# A longer input goes to the device in pieces of about this size.
_PIECE_BYTES = 2**30


@functools.lru_cache(maxsize=16)
def _forward(net: Any, prepare: Callable) -> Callable:
  def forward(variables, x):
    def one(batch):
      logits = net.apply(variables, prepare(batch), train=False)
      return logits.astype(np.float32)

    return jax.lax.map(one, x)

  options = epoch.COMPILER_OPTIONS.get(jax.default_backend())
  return jax.jit(forward, compiler_options=options)


def predict(
  net: Any,
  variables: Any,
  x: np.ndarray,
  dataset: Any,
  *,
  batch_size: int = 256,
) -> np.ndarray:
  """Computes the logits of raw inputs, in float32 and one compiled call.

  Args:
    net: A Linen module whose `__call__` takes `train`.
    variables: Its variables.
    x: Raw inputs as in the data set's splits, (N, ...).
    dataset: Where `prepare` comes from.
    batch_size: Inputs per batch; the last one is padded.

  Returns:
    The logits, float32 (N, classes) or (N, T, classes).

  Raises:
    UserError: For no inputs, or a batch size below 1.
  """
  if batch_size < 1:
    raise errors.UserError(f'batch_size must be 1 or more; got {batch_size!r}')
  if not len(x):
    raise errors.UserError('there is nothing to evaluate: the split is empty')
  batch_size = min(batch_size, len(x))
  row_bytes = x[:1].nbytes
  batches = max(_PIECE_BYTES // max(row_bytes * batch_size, 1), 1)
  batches = min(batches, -(-len(x) // batch_size))
  forward = _forward(net, prepare_lib.Prepare(dataset))
  logits = []
  for start in range(0, len(x), batches * batch_size):
    rows = np.asarray(x[start : start + batches * batch_size])
    missing = batches * batch_size - len(rows)
    if missing:
      rows = np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])
    y = forward(variables, rows.reshape(batches, batch_size, *rows.shape[1:]))
    y = np.asarray(y)
    logits.append(y.reshape(-1, *y.shape[2:]))
  return np.concatenate(logits)[: len(x)]


def evaluate(
  net: Any, variables: Any, split: Any, dataset: Any, *, batch_size: int = 256
) -> dict[str, float]:
  """Measures a network's quality on a split.

  Args:
    net: A Linen module whose `__call__` takes `train`.
    variables: Its variables.
    split: What has raw inputs `x` and integer labels `y`.
    dataset: Where `prepare` comes from.
    batch_size: Inputs per batch.

  Returns:
    accuracy, top5, precision, recall, f1, auc and loss (`metrics.classify`).

  Raises:
    Diverged: If a logit is not finite.
    UserError: If the split is empty.
  """
  logits = predict(net, variables, split.x, dataset, batch_size=batch_size)
  if not np.isfinite(logits).all():
    bad = int((~np.isfinite(logits)).any(-1).sum())
    raise step.Diverged(
      f'{bad} of {logits[..., 0].size} outputs are not finite'
    )
  return metrics.classify(logits, np.asarray(split.y))


def row_losses(
  net: Any, variables: Any, split: Any, dataset: Any, *, batch_size: int = 256
) -> np.ndarray:
  """Returns the loss that a network has on each row.

  Args:
    net: A Linen module whose `__call__` takes `train`.
    variables: Its variables.
    split: What has raw inputs `x` and integer labels `y`, or a mapping with
      'labels' and more.
    dataset: Where `prepare` comes from.
    batch_size: Inputs per batch.

  Returns:
    The cross-entropy in nats, (N,); a row without a label (-1) is infinite.
  """
  logits = predict(net, variables, split.x, dataset, batch_size=batch_size)
  labels = objective_lib.batch(split.x, split.y).labels
  found = objective_lib.row_losses(
    jnp.asarray(logits), jnp.maximum(jnp.asarray(labels), 0)
  )
  known = np.asarray(labels).reshape(len(labels), -1).min(1) >= 0
  return np.where(known, found, np.inf)
