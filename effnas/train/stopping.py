"""Early stopping: a training ends that gets no better, and keeps its best."""

from collections.abc import Mapping, Sequence
from typing import Any

from effnas import errors

# The metric of the validation split that decides; higher is better.
METRIC = 'accuracy'


def check(stop_after: int, eval_every: int) -> None:
  """Raises a UserError where a training cannot be stopped early.

  Args:
    stop_after: Epochs without a better value; 0 is never.
    eval_every: Epochs between the evaluations.
  """
  whole = isinstance(stop_after, int) and not isinstance(stop_after, bool)
  if not whole or stop_after < 0:
    raise errors.UserError(
      'stop_after must be a number of epochs, or 0 to train through; got '
      f'{stop_after!r}'
    )
  if stop_after and not eval_every:
    raise errors.UserError(
      'stop_after looks at the validation split: set eval_every, to 1 for '
      'each epoch'
    )


def best(history: Sequence[Mapping[str, Any]]) -> int:
  """Returns the epoch of the highest accuracy, the first of equals.

  Args:
    history: The metrics of each epoch, of some with those of the validation.

  Returns:
    The epoch, from 1; 0 where nothing was evaluated.

  Example:
    >>> best([{'epoch': 1, 'accuracy': 0.5}, {'epoch': 2, 'accuracy': 0.5}])
    1
  """
  known = [record for record in history if METRIC in record]
  top = max(known, key=lambda record: record[METRIC], default={'epoch': 0})
  return top['epoch']


def over(history: Sequence[Mapping[str, Any]], stop_after: int) -> bool:
  """Says whether the training has gone on too long without getting better.

  Args:
    history: As for `best`.
    stop_after: Epochs without a better value; 0 is never.

  Example:
    >>> over([{'epoch': 1, 'accuracy': 0.5}, {'epoch': 2, 'accuracy': 0.4}], 1)
    True

  Reference:
    Prechelt, Early Stopping -- But When?, 1998 (its class UP, by accuracy)
  """
  if not stop_after or not history or METRIC not in history[-1]:
    return False
  return history[-1]['epoch'] - best(history) >= stop_after
