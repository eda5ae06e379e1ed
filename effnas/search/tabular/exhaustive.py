"""What random search finds on average, exactly, where all results are known.

Random search draws without replacement, so that a set of n trials is one of
all sets of n rows, each as likely.

Reference:
  David and Nagaraja 2003, "Order statistics", third edition, on samples of a
  finite population.
"""

from collections.abc import Sequence
import math

import numpy as np


def missed(rows: int, trials: int) -> np.ndarray:
  """Returns the chance that no trial is one of k certain rows.

  Args:
    rows: How many rows the table has.
    trials: How many different ones are drawn.

  Returns:
    C(rows - k, trials) / C(rows, trials) for k from 0 to `rows`, shape
    (rows + 1,).

  Example:
    >>> missed(4, 2).round(3).tolist()
    [1.0, 0.5, 0.167, 0.0, 0.0]
  """
  k = np.arange(rows)
  # One row more: a factor (rows - k - trials) / (rows - k).
  steps = np.maximum(rows - k - trials, 0) / (rows - k)
  return np.cumprod(np.append(1.0, steps))


def best(scores: np.ndarray, trials: int) -> tuple[float, float]:
  """Returns mean and standard deviation of the best of random trials.

  Args:
    scores: Of all rows, shape (rows,), to be minimised.
    trials: How many trials.

  Example:
    >>> best(np.array([1, 2, 3]), 2)[0].__round__(3)
    1.333
  """
  scores = np.sort(np.asarray(scores, float))
  chance = missed(len(scores), trials)
  weights = chance[:-1] - chance[1:]  # that the k-th best is the best one
  mean = float(weights @ scores)
  return mean, math.sqrt(max(0.0, float(weights @ (scores - mean) ** 2)))


def hypervolume(
  scores: np.ndarray, reference: Sequence[float] | np.ndarray, trials: int
) -> float:
  """Returns the mean hypervolume of random trials with two objectives.

  It is the integral of the chance that some trial dominates a point, a sum over
  cells between the rows' values.

  Args:
    scores: Of all rows, shape (rows, 2), to be minimised.
    reference: The worst corner, shape (2,).
    trials: How many trials.

  Example:
    >>> hypervolume(np.array([[1, 2], [2, 1]]), (3, 3), 1)
    2.0
  """
  scores = np.asarray(scores, float)
  corner = np.asarray(reference, float)
  hit = 1 - missed(len(scores), trials)
  scores = scores[(scores < corner).all(axis=1)]
  xs, x_at = np.unique(scores[:, 0], return_inverse=True)
  ys, y_at = np.unique(scores[:, 1], return_inverse=True)
  widths = np.diff(np.append(xs, corner[0]))
  heights = np.diff(np.append(ys, corner[1]))
  order = np.argsort(x_at, kind='stable')
  ends = np.searchsorted(x_at[order], np.arange(len(xs)), side='right')
  added = np.zeros(len(ys), int)
  total, start = 0.0, 0
  for width, end in zip(widths, ends, strict=True):
    np.add.at(added, y_at[order[start:end]], 1)
    total += width * float(hit[np.cumsum(added)] @ heights)
    start = end
  return float(total)
