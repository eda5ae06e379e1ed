"""From a source's examples to train, validation and test, the same way always.

Each part is drawn by its own generator, so that the test part depends on the
seed and its own size alone: another validation size or limit leaves it as is.
"""

import dataclasses
import math

import numpy as np

from effnas import errors
from effnas.data import classes, dataset, numbers

# The streams of random numbers; the order is part of what a seed means.
_TEST, _VALID, _LIMIT, _LABELS = range(4)
# So many pixels at a time are measured.
_PIXELS = 1 << 22


def assemble(
  name: str,
  raw: dataset.Raw,
  *,
  seed: int = 0,
  valid: float | int | None = None,
  test: float | int | None = None,
  limit: int | None = None,
  labels: int | None = None,
  remap: bool = False,
) -> dataset.Dataset:
  """Checks and splits what a set loaded and measures its inputs.

  Args:
    name: Name of the set.
    raw: What its file returned.
    seed: Seed of the split and of the subset.
    valid: Size of the validation part: a fraction of the source's training
      examples, or a count. Default: 0.1, or 0.2 without an own test part.
    test: Size of the test part likewise, where the source has none of its own
      (default 0.2).
    limit: Number of training examples to keep, or None for all.
    labels: Number of them that keep their label, or None for all; that of the
      others becomes -1.
    remap: Whether classes without an example are taken out.

  Returns:
    The data set; parts are disjoint, and classes stand in each part in the
    proportions of the source.

  Raises:
    UserError: A size is impossible, or numbers do not fit their types.
  """
  if raw.test is not None and test is not None:
    raise errors.UserError(
      f'data set {name!r} has its own test part; leave out test={test!r}'
    )
  raw = numbers.checked(name, raw)
  if remap:
    raw = classes.remapped(name, raw)
  classes.say_missing(name, raw)
  total = len(raw.train)
  rest, held = np.arange(total), raw.test
  if held is None:
    count = _count('test', 0.2 if test is None else test, total)
    rest, index = _cut(raw, rest, count, 'test', [seed, _TEST])
    held = raw.train.take(index)
  if valid is None:
    valid = 0.2 if raw.test is None else 0.1
  count = _count('valid', valid, total)
  rest, index = _cut(raw, rest, count, 'valid', [seed, _VALID])
  if limit is not None:
    rest = _some(raw, rest, 'limit', limit, [seed, _LIMIT])
  train = raw.train.take(rest)
  if labels is not None:
    known = _some(raw, rest, 'labels', labels, [seed, _LABELS])
    hidden = ~np.isin(rest, known)
    train = dataclasses.replace(train, y=_hidden(train.y, hidden))
  mean, std = raw.moments or moments(train.x, raw.kind)
  valid_part = raw.train.take(index)
  for part in (train, valid_part, held):
    numbers.check_prepared(part.x, raw.kind, mean, std)
  counts = {'train': len(train), 'valid': len(valid_part), 'test': len(held)}
  if labels is not None:
    counts['labels'] = labels
  return dataset.Dataset(
    name=name,
    train=train,
    valid=valid_part,
    test=held,
    classes=raw.classes,
    kind=raw.kind,
    mean=mean,
    std=std,
    provenance={
      'name': name,
      **raw.provenance,
      'test': 'split' if raw.test is None else 'official',
      'seed': seed,
      'counts': counts,
    },
  )


def moments(
  x: np.ndarray, kind: dataset.Kind
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
  """Returns mean and standard deviation over all axes but the last.

  Args:
    x: Inputs (N, ..., C); uint8 ones may be `stream.Rows`.
    kind: The kind of the data set; images are measured in units of 255.

  Returns:
    Two tuples of C numbers, or (None, None) for tokens. The deviation of a
    constant input is given as 1.

  Example:
    >>> moments(np.array([[0.0, 7.0], [2.0, 7.0]]), 'vector')
    ((1.0, 7.0), (1.0, 1.0))
  """
  if kind == 'tokens':
    return None, None
  unit = 255.0 if kind == 'image' else 1.0
  channels = x.shape[-1]
  if x.dtype == np.uint8:
    # Whole numbers, without a float copy of the training part. Python's own
    # integers hold the products, which pass 64 bits on large sets.
    total, square = np.zeros((2, channels), object)
    pixels = math.prod(x.shape[1:-1])
    rows = max(_PIXELS // pixels, 1)
    for start in range(0, len(x), rows):
      part = x[start : start + rows].reshape(-1, channels).astype(np.int64)
      total += part.sum(axis=0)
      square += (part * part).sum(axis=0)
    count = len(x) * pixels
    mean = (total / count).astype(np.float64)
    spread = (square * count - total * total).astype(np.float64)
    std = np.sqrt(spread) / count
  else:
    flat = x.reshape(-1, channels)
    mean = flat.mean(axis=0, dtype=np.float64)
    std = flat.std(axis=0, dtype=np.float64)
  std = np.where(std > 1e-12 * np.abs(mean), std, unit)
  return tuple((mean / unit).tolist()), tuple((std / unit).tolist())


def stratified(
  labels: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
  """Draws positions so that each class has its share, to the nearest example.

  Args:
    labels: (N,) labels.
    count: How many positions to draw, at most N.
    rng: The randomness.

  Returns:
    `count` positions in rising order.
  """
  classes, inverse, sizes = np.unique(
    labels, return_inverse=True, return_counts=True
  )
  share = count * sizes / len(labels)
  quota = np.floor(share).astype(int)
  # The largest remainders get what rounding down left over.
  order = np.argsort(quota - share, kind='stable')
  quota[order[: count - quota.sum()]] += 1
  chosen = [
    rng.permutation(np.flatnonzero(inverse == i))[: quota[i]]
    for i in range(len(classes))
  ]
  return np.sort(np.concatenate(chosen))


def _count(option: str, size: float | int, total: int) -> int:
  if isinstance(size, int) and not isinstance(size, bool) and 0 < size < total:
    return size
  if isinstance(size, float) and 0 < size < 1:
    return max(1, round(size * total))
  raise errors.UserError(
    f'{option} must be a fraction between 0 and 1 or a number of examples '
    f'from 1 to {total - 1}, got {size!r}'
  )


def _draw(raw, index, count, seed) -> np.ndarray:
  """Positions within `index`, stratified where examples have one label."""
  rng = np.random.default_rng(seed)
  if raw.train.y.ndim == 1:
    return stratified(raw.train.y[index], count, rng)
  return np.sort(rng.permutation(len(index))[:count])


def _cut(raw, index, count, option, seed) -> tuple[np.ndarray, np.ndarray]:
  if count >= len(index):
    raise errors.UserError(
      f'{option} takes {count} examples and leaves none of {len(index)} to '
      'train on; make it smaller'
    )
  if raw.sequential:
    return index[:-count], index[-count:]
  chosen = np.zeros(len(index), bool)
  chosen[_draw(raw, index, count, seed)] = True
  return index[~chosen], index[chosen]


def _some(raw, index, option, count, seed) -> np.ndarray:
  whole = isinstance(count, int) and not isinstance(count, bool)
  if not whole or not 0 < count <= len(index):
    raise errors.UserError(
      f'{option} must be a number of training examples from 1 to '
      f'{len(index)}, got {count!r}'
    )
  return index[_draw(raw, index, count, seed)]


def _hidden(y: np.ndarray, rows: np.ndarray) -> np.ndarray:
  y = y.copy()
  y[rows] = -1
  return y
