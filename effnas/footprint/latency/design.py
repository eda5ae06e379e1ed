"""Which networks to measure, so that few of them tell all prices."""

import numpy as np

_RIDGE = 1e-3


def choose(quantities: np.ndarray, prior: np.ndarray, number: int) -> list[int]:
  """Chooses networks that are informative together.

  Greedy D-optimal design over the shares that each operation class has of a
  network's time by the datasheet: each next network is the one that adds most
  to the determinant of the information matrix, which is what the ones before
  say least about (Kiefer and Wolfowitz 1959; Fedorov 1972).

  Args:
    quantities: float64 [n, len(features.NAMES)] of the networks to choose from.
    prior: float64 [len(features.NAMES)], of `features.prior`.
    number: How many to choose.

  Returns:
    Their indices in the order of choice; all, where there are fewer.

  Example:
    >>> alike = np.array([[1.0, 0], [1.0, 0.01], [0, 1.0]])
    >>> sorted(choose(alike, np.ones(2), 2))
    [0, 2]
  """
  weighed = quantities * np.where(prior > 0, prior, 0)
  launches = quantities * (prior == 0)
  shares = np.concatenate(
    [
      weighed / weighed.sum(1, keepdims=True),
      launches / np.maximum(launches.max(0), 1),
    ],
    axis=1,
  )
  inverse = np.eye(shares.shape[1]) / _RIDGE
  left = list(range(len(shares)))
  chosen: list[int] = []
  while left and len(chosen) < number:
    gains = np.einsum('ni,ij,nj->n', shares[left], inverse, shares[left])
    best = left.pop(int(gains.argmax()))
    chosen.append(best)
    along = inverse @ shares[best]
    inverse -= np.outer(along, along) / (1 + shares[best] @ along)
  return chosen
