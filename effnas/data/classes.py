"""Classes that no example has: said, or taken out."""

import dataclasses
import logging

import numpy as np

from effnas import errors
from effnas.data import dataset

_log = logging.getLogger(__name__)

_SHOWN = 5
# More classes without an example are no gap: the labels are something else.
_MOST = 1 << 20


def say_missing(name: str, raw: dataset.Raw) -> None:
  """Logs a warning where classes have no training example.

  Labels of tokens are left alone: no text has all of a vocabulary.

  Args:
    name: Name of the set.
    raw: What its file returned.

  Raises:
    UserError: More than a million have none.
  """
  if raw.train.y.ndim != 1:
    return
  present = np.unique(raw.train.y)
  count = raw.classes - len(present)
  if not count:
    return
  text = f'data set {name!r}: {count} of {raw.classes} classes have no example'
  mend = 'data.remap=True numbers those that have one'
  if count > _MOST:
    raise errors.UserError(f'{text}; {mend}')
  # The first few lie among so many.
  first = np.setdiff1d(np.arange(len(present) + _SHOWN), present)[:_SHOWN]
  shown = [label for label in first.tolist() if label < raw.classes]
  more = count - len(shown)
  told = ', '.join(map(str, shown)) + (f' and {more} more' if more else '')
  _log.warning('%s to train on: %s; %s', text, told, mend)


def remapped(name: str, raw: dataset.Raw) -> dataset.Raw:
  """Returns a set whose classes are those that have an example, in their order.

  Args:
    name: Name of the set.
    raw: What its file returned.

  Returns:
    The set; 'remapped' of its provenance has the label that each class had.

  Raises:
    UserError: Its labels are those of tokens.
  """
  parts = [raw.train] if raw.test is None else [raw.train, raw.test]
  if raw.train.y.ndim != 1:
    raise errors.UserError(
      f'data set {name!r} has labels of tokens, which remap leaves alone'
    )
  kept = np.unique(np.concatenate([part.y for part in parts]))
  parts = [
    dataclasses.replace(part, y=np.searchsorted(kept, part.y).astype(np.int32))
    for part in parts
  ]
  provenance = {**raw.provenance, 'remapped': kept.tolist()}
  names = raw.provenance.get('labels')
  if names is not None:
    provenance['labels'] = [names[label] for label in kept.tolist()]
  return dataclasses.replace(
    raw,
    train=parts[0],
    test=None if raw.test is None else parts[1],
    classes=len(kept),
    provenance=provenance,
  )
