"""Sobol sampling: points that fill the space evenly, however many there are."""

from collections.abc import Sequence
import functools
import importlib.resources
import itertools
import json
from typing import Any

import numpy as np

from effnas import errors
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.proposing import screening, unit_cube

_BITS = 32


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  scramble: int = 1,
) -> dict[str, Any]:
  """Takes the next point of a shifted Sobol sequence that is new.

  Args:
    space: The space.
    problem: Its constraints are kept.
    trials: Their number says which point is next.
    rng: Looked at where a thousand points in a row are not new only.
    scramble: The number of the random shift, from 1. It does not depend on the
      search's seed, as all trials have to share it.

  Raises:
    UserError: The space has more decisions than there are direction numbers.

  Reference:
    Sobol 1967, "On the distribution of points in a cube and the approximate
    evaluation of integrals"; direction numbers of Joe and Kuo 2008,
    "Constructing Sobol sequences with better two-dimensional projections",
    SIAM Journal on Scientific Computing 30(5); shifted digit by digit as in
    Owen 2003, "Variance with alternative scramblings of digital nets".
  """
  width = len(space.decisions)
  if width > _most():
    raise errors.UserError(
      f'sampler sobol takes up to {_most()} decisions, the space has {width}; '
      'use latin_hypercube'
    )
  points = (
    point(number, width, scramble) for number in itertools.count(len(trials))
  )
  archs = (unit_cube.arch(space, one) for one in itertools.islice(points, 1000))
  found = screening.first_new(problem, archs, screening.tried(trials))
  return space.sample(rng) if found is None else found


def point(number: int, width: int, scramble: int = 0) -> np.ndarray:
  """Returns one point of the sequence.

  Args:
    number: Which one, from 0.
    width: How many coordinates.
    scramble: The number of the random shift, 0 for none.

  Returns:
    Shape (width,), each from 0 to below 1.

  Example:
    >>> [point(n, 2).tolist() for n in range(4)]
    [[0.0, 0.0], [0.5, 0.5], [0.75, 0.25], [0.25, 0.75]]
  """
  code = number ^ (number >> 1)  # Gray's: neighbours differ in one bit
  bits = [bit for bit in range(_BITS) if code >> bit & 1]
  digits = np.bitwise_xor.reduce(_directions()[:width, bits], axis=1)
  if scramble:
    rng = np.random.default_rng([scramble])
    digits = digits ^ rng.integers(2**_BITS, size=width, dtype=np.uint64)
  return digits / 2.0**_BITS


@functools.cache
def _table() -> list[tuple[int, list[int]]]:
  file = importlib.resources.files(__package__) / 'sobol.json'
  return json.loads(file.read_text(encoding='utf-8'))['coordinates']


def _most() -> int:
  return len(_table()) + 1


@functools.cache
def _directions() -> np.ndarray:
  """The direction numbers, shape (coordinates, bits)."""
  rows = [[1] * _BITS]
  for polynomial, start in _table():
    degree = polynomial.bit_length() - 1
    m = list(start)
    while len(m) < _BITS:
      new = m[-degree] ^ m[-degree] << degree
      for k in range(1, degree):
        if polynomial >> (degree - k) & 1:
          new ^= m[-k] << k
      m.append(new)
    rows.append(m)
  shifts = np.arange(_BITS - 1, -1, -1)
  return np.array(
    [[n << int(s) for n, s in zip(row, shifts, strict=True)] for row in rows],
    np.uint64,
  )
