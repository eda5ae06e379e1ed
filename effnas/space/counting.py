"""How many archs there are, and all of them one after another."""

import collections
from collections.abc import Callable, Iterator, Mapping
import itertools
import math

from effnas.space import choices, labels, plan

# The number of ways to take the decisions of a subtree, for every assignment
# {(key, index of the value), ...} of those keys that also stand outside of it.
_Table = dict[frozenset[tuple[str, int]], int]
_NOTHING: frozenset[tuple[str, int]] = frozenset()


def size(root: plan.Node, entries: Mapping[str, plan.Entry]) -> int | float:
  """Counts archs exactly.

  A decision that stands at several places counts once: its values are carried
  along until the last of its places has been met.

  Args:
    root: The plan.
    entries: All its keys.

  Returns:
    The number of archs; `math.inf` with a continuous choice.
  """
  if any(entry.choice.continuous for entry in entries.values()):
    return math.inf
  places: collections.Counter[str] = collections.Counter()
  plain = dict.fromkeys(entries, True)  # nothing depends on the value
  _survey(root, places, plain)
  free = {
    key
    for key, entry in entries.items()
    if places[key] > 1 and plain[key] and {} in entry.when
  }
  tied = {key: n for key, n in places.items() if n > 1 and key not in free}
  ways = math.prod(len(entries[key].choice.values()) for key in free)
  table, _ = _Counter(tied, free).count(root)
  return ways * sum(table.values())


def grid(
  run: Callable[[plan.Decide], dict[str, labels.Scalar]], points: int | None
) -> Iterator[dict[str, labels.Scalar]]:
  """Yields every arch once, the last decision changing fastest.

  Args:
    run: Takes the decisions of one arch.
    points: The number of values of a continuous choice.

  Yields:
    The archs.
  """
  start: list[int] = []
  while True:
    taken: list[tuple[int, int]] = []

    def decide(key, choice, start=start, taken=taken):
      del key
      values = choice.values(points)
      index = start[len(taken)] if len(taken) < len(start) else 0
      taken.append((index, len(values)))
      return values[index]

    yield run(decide)
    while taken and taken[-1][0] + 1 == taken[-1][1]:
      taken.pop()
    if not taken:
      return
    start = [index for index, _ in taken]
    start[-1] += 1


def _survey(
  node: plan.Node, places: collections.Counter, plain: dict[str, bool]
) -> None:
  """Counts the places of every key, and finds what has keys depending on it."""
  match node:
    case plan.Branch(children):
      for child in children:
        _survey(child, places, plain)
    case plan.Decision(key, _, options):
      places[key] += 1
      plain[key] &= all(isinstance(option, plan.Fixed) for option in options)
      for option in options:
        _survey(option, places, plain)
    case plan.Layers(times):
      if times is not None:
        _survey(times, places, plain)
        plain[times.key] = False
      for body in _bodies(node):
        _survey(body, places, plain)


def _bodies(node: plan.Layers) -> tuple[plan.Node, ...]:
  """Layers with decisions of their own: of shared ones, the first."""
  return node.bodies[:1] if node.shared else node.bodies


class _Counter:
  def __init__(self, tied: Mapping[str, int], free: set[str]):
    self._tied = tied
    self._free = free

  def count(self, node: plan.Node) -> tuple[_Table, collections.Counter]:
    """Returns the table of a subtree and how often it has each tied key."""
    met: collections.Counter[str] = collections.Counter()
    match node:
      case plan.Branch(children):
        table = {_NOTHING: 1}
        for child in children:
          table = self._also(table, child, met)
        return table, met
      case plan.Decision(key, choice, options):
        if key in self._tied:
          met[key] += 1
        if key in self._free:
          return {_NOTHING: 1}, met
        if not isinstance(choice, choices.OneOf) and key not in self._tied:
          return {_NOTHING: len(choice.values())}, met
        tables = [
          self._also(self._taken(key, i), option, met)
          for i, option in enumerate(options or choice.values())
        ]
        return self._closed(_sum(tables), met), met
      case plan.Layers(times, numbers):
        bodies = _bodies(node)
        stacks = [{_NOTHING: 1}]  # of 0, 1, 2, ... layers
        for body in bodies:
          stacks.append(self._also(stacks[-1], body, met))
        chosen = []
        for i, number in enumerate(numbers):
          taken = {_NOTHING: 1}
          if times is not None:
            taken = self._taken(times.key, i)
          chosen.append(_join(taken, stacks[min(number, len(bodies))]))
        if times is not None and times.key in self._tied:
          met[times.key] += 1
        return self._closed(_sum(chosen), met), met
    return {_NOTHING: 1}, met

  def _taken(self, key: str, index: int) -> _Table:
    return {frozenset({(key, index)}) if key in self._tied else _NOTHING: 1}

  def _also(
    self, table: _Table, node: object, met: collections.Counter
  ) -> _Table:
    """Joins the table of one more subtree and adds its keys to `met`."""
    if not isinstance(node, plan.Branch | plan.Decision | plan.Layers):
      return table
    more, keys = self.count(node)
    met.update(keys)
    return self._closed(_join(table, more), met)

  def _closed(self, table: _Table, met: collections.Counter) -> _Table:
    """Sums over the keys whose last place has been met."""
    done = {key for key, n in met.items() if n == self._tied[key]}
    if not done:
      return table
    return _sum(
      {frozenset(one for one in assigned if one[0] not in done): ways}
      for assigned, ways in table.items()
    )


def _sum(tables) -> _Table:
  total: _Table = {}
  for assigned, ways in itertools.chain.from_iterable(
    t.items() for t in tables
  ):
    total[assigned] = total.get(assigned, 0) + ways
  return total


def _join(a: _Table, b: _Table) -> _Table:
  """Multiplies the ways of all pairs of assignments that agree."""
  total: _Table = {}
  for keys_a, group_a in _by_keys(a).items():
    for keys_b, group_b in _by_keys(b).items():
      common = keys_a & keys_b
      index = collections.defaultdict(list)
      for one in group_b:
        index[_only(one, common)].append(one)
      for one in group_a:
        for other in index[_only(one, common)]:
          joined = one | other
          total[joined] = total.get(joined, 0) + a[one] * b[other]
  return total


def _only(assigned, keys):
  return frozenset(one for one in assigned if one[0] in keys)


def _by_keys(table: _Table) -> dict[frozenset[str], list]:
  groups = collections.defaultdict(list)
  for assigned in table:
    groups[frozenset(key for key, _ in assigned)].append(assigned)
  return groups
