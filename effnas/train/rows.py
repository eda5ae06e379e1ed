"""What is trained on: rows, labels, and what an objective adds to them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from effnas import errors
from effnas.learn import objective as objective_lib


class Rows(NamedTuple):
  """A training split with more than labels.

  Attributes:
    x: Raw inputs.
    y: A mapping with 'labels' and arrays of as many rows.
  """

  x: Any
  y: dict[str, Any]


def with_extras(
  split: Any,
  objective: objective_lib.Objective,
  prepare: Callable[[Any], jax.Array],
) -> Any:
  """Returns a split as an objective wants it.

  Args:
    split: Has x and y, see `effnas.train.feed.Feed`.
    objective: What will be minimised.
    prepare: Raw batch -> what the network takes.

  Returns:
    The split itself where nothing is added.

  Raises:
    UserError: Rows lack a label that the objective needs, or a stream would
      have to carry what is added.
  """
  given = objective_lib.batch(split.x, split.y)
  check_labels(given.labels, objective)
  extras = objective.extras(split.x, prepare)
  if not extras:
    return split
  if hasattr(split, 'pieces'):
    raise errors.UserError(
      f'a streamed split cannot carry {", ".join(extras)}: its inputs change '
      'each time they are read'
    )
  return Rows(split.x, {'labels': given.labels, **given.extras, **extras})


def check_labels(labels: Any, objective: objective_lib.Objective) -> None:
  """Raises a UserError where rows lack a label that an objective needs.

  Labels are looked at before they become int32 on the device, too.
  """
  labels = np.asarray(labels)
  if not np.issubdtype(labels.dtype, np.integer) or not labels.size:
    return
  ends, held = (labels.min(), labels.max()), np.iinfo(np.int32)
  if ends[0] < held.min or ends[1] > held.max:
    raise errors.UserError(
      f'labels must fit int32, got {labels.dtype} from {ends[0]} to {ends[1]}'
    )
  if ends[0] < 0 and not objective.takes_unlabelled():
    missing = int((labels < 0).sum())
    raise errors.UserError(
      f'unlabelled data without a way to use it: {missing:,} of '
      f'{labels.size:,} labels are below 0; leave those rows out, or train '
      'with an objective that takes them, such as distillation'
    )
