"""Local search: the untried neighbours of the best architecture."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
import zlib

import numpy as np

from effnas.search import plain
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.proposing import scalarise as scalarise_lib
from effnas.search.proposing import screening

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
  """Changes one decision of the best trial that has an untried neighbour.

  So it climbs, each better neighbour taking the lead at once; on a local
  optimum it goes on around the second best.

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
    are known and goes on at a minimum are variants in it.
  """
  done = screening.done(trials)
  scores = scalarise_lib.scores(problem, done, scalarise, 'local_search')
  if len(done) < initial:
    return space.sample(rng)
  known = screening.tried(trials)
  for best in np.argsort(scores, kind='stable'):
    near = list(neighbours(space, done[best].arch))
    shuffled = (near[i] for i in rng.permutation(len(near)))
    found = screening.first_new(problem, shuffled, known)
    if found is not None:
      return found
  return space.sample(rng)


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
