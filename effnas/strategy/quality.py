"""Quality of a network on the validation split, or on a part of it."""

from typing import Any, NamedTuple

import numpy as np

from effnas import errors, train


class Quality(NamedTuple):
  """How good a network is.

  Attributes:
    accuracy: From 0 to 1.
    loss: Mean cross-entropy in nats.
  """

  accuracy: float
  loss: float


def examples(dataset: Any, limit: int | None = None) -> tuple[Any, np.ndarray]:
  """Returns the inputs and labels to judge by.

  Args:
    dataset: As `effnas.train.fit` takes it.
    limit: At most so many, the first of the validation split.

  Raises:
    UserError: There are none.
  """
  valid = dataset.valid
  if limit is not None and limit < 1:
    raise errors.UserError(f'a limit is one example or more; got {limit}')
  if not len(valid.x):
    raise errors.UserError('the validation split is empty')
  if limit is None or limit >= len(valid.x):
    return valid.x, np.asarray(valid.y)
  return valid.x[:limit], np.asarray(valid.y[:limit])


def of(
  net: Any,
  variables: Any,
  judged: tuple[Any, np.ndarray],
  dataset: Any,
  batch_size: int = 256,
) -> Quality:
  """Measures a network; networks that are equal share one program.

  Args:
    net: A Linen module.
    variables: Its variables.
    judged: What `examples` gave.
    dataset: Where `prepare` comes from.
    batch_size: Inputs at a time.

  Raises:
    UserError: An output is not finite.
  """
  x, labels = judged
  logits = train.predict(net, variables, x, dataset, batch_size=batch_size)
  if not np.isfinite(logits).all():
    raise errors.UserError(
      'the outputs of the network are not finite: its weights are no use'
    )
  logits = logits.astype(np.float64)
  right = logits.argmax(-1) == labels
  logits -= logits.max(-1, keepdims=True)
  log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
  told = np.take_along_axis(log_p, labels[..., None], -1)
  return Quality(float(right.mean()), float(-told.mean()))
