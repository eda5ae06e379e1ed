"""Local search: climbs from neighbour to better neighbour, again and again."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
import zlib

import numpy as np

from effnas.search import plain
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.proposing import features as features_lib
from effnas.search.proposing import scalarise as scalarise_lib
from effnas.search.proposing import screening
from effnas.space import choices

_TRIES = 100  # draws for a new start
_STEPS = (-0.2, -0.04, 0.04, 0.2)  # parts of a range


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  initial: int = 10,
  scalarise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
  """Changes one decision of the best trial from which a climb can go on.

  Each better neighbour takes the lead at once. What has a better neighbour
  among the trials is left behind; so on a local optimum the next climb begins
  at the best of the other first trials, and after these at new random ones.

  Args:
    space: The space.
    problem: One objective.
    trials: The trials to look at.
    rng: The source of chance.
    initial: How many random trials come first.
    scalarise: How several objectives become one; see
      `effnas.search.proposing.scalarise`.

  Reference:
    White, Nolen and Savani 2021, "Exploring the loss landscape in neural
    architecture search", arXiv:2005.02960; that it moves before all neighbours
    are known is a variant in it.
  """
  done = screening.done(trials)
  scores = scalarise_lib.scores(problem, done, scalarise, 'local_search')
  if len(done) < initial:
    return space.sample(rng)
  known = screening.tried(trials)
  order = np.argsort(scores, kind='stable')
  rows = features_lib.Features(space).rows(done[i].arch for i in order)
  reaches = np.array([_reach(choice) for choice in space.decisions.values()])
  left = []
  for place, i in enumerate(order):
    if _near(rows[place], rows[:place], reaches).any():
      left.append(i)
      continue
    found = _step(space, problem, done[i].arch, known, rng)
    if found is not None:
      return found
  drawn = (space.sample(rng) for _ in range(_TRIES))
  found = screening.first_new(problem, drawn, known)
  for i in left:  # of a space that is nearly exhausted
    found = found or _step(space, problem, done[i].arch, known, rng)
  return found or space.sample(rng)


def _step(
  space: Any,
  problem: problem_lib.Problem,
  arch: Mapping[str, Any],
  known: set[str],
  rng: np.random.Generator,
) -> dict[str, Any] | None:
  """Returns one of the new neighbours, if there is any."""
  near = list(neighbours(space, arch))
  shuffled = (near[i] for i in rng.permutation(len(near)))
  return screening.first_new(problem, shuffled, known)


def _near(row: np.ndarray, rows: np.ndarray, reaches: np.ndarray) -> np.ndarray:
  """Says which rows of features differ from one by a single change.

  What is active in one of two only follows from the change.

  Args:
    row: Shape (decisions,).
    rows: Shape (others, decisions).
    reaches: How far a change may go, shape (decisions,).

  Returns:
    Shape (others,).
  """
  apart = np.where((row >= 0) & (rows >= 0), np.abs(row - rows), 0.0)
  return ((apart > 0).sum(axis=1) <= 1) & (apart <= reaches).all(axis=1)


def _reach(choice: Any) -> float:
  """Returns the longest change of a decision, in the unit of its feature."""
  if choice.continuous:
    return max(_STEPS) + 1e-9
  values = choice.values()
  if isinstance(choice, choices.OneOf) or len(values) == 1:
    return float(len(values))
  return max(1, round(max(_STEPS) * len(values))) / (len(values) - 1) + 1e-9


def neighbours(space: Any, arch: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
  """Yields what one decision leads to, the same ones whenever it is asked.

  Args:
    space: The space.
    arch: An architecture.

  Yields:
    The architecture with each active decision changed to each other option, in
    a range a small and a large step up and down. What a change activates is
    drawn, always alike.

  Example:
    >>> from effnas import space
    >>> s = space.Space((space.oneof('a', 'b', 'c'), space.intrange(1, 9)))
    >>> [tuple(n.values()) for n in neighbours(s, {'0': 'b', '1': 1})]
    [('a', 1), ('c', 1), ('b', 2), ('b', 3)]
  """
  decisions = space.decisions
  for key in arch:
    for value in _others(decisions[key], arch[key]):
      seed = zlib.crc32(plain.key({**arch, key: value}).encode())
      rng = np.random.default_rng(seed)

      def decide(one, choice, key=key, value=value, rng=rng):
        if one == key:
          return value
        return arch[one] if one in arch else choice.sample(rng)

      yield space.walk(decide)


def _others(choice: Any, value: Any) -> list[Any]:
  code = choice.encode(value)
  if choice.continuous:
    moved = [code[0] + step for step in _STEPS]
    return [choice.decode(np.array([u])) for u in moved if 0 <= u <= 1]
  values = choice.values()
  if choice.width > 1:  # options
    here = int(np.argmax(code))
    return [v for i, v in enumerate(values) if i != here]
  here = values.index(value)
  steps = {
    int(np.sign(s)) * max(1, round(abs(s) * len(values))) for s in _STEPS
  }
  return [
    values[here + s] for s in sorted(steps) if 0 <= here + s < len(values)
  ]
