"""The Space: everything done with a declared tree, as one walk each."""

from collections.abc import Callable, Iterator, Mapping
import functools
from typing import Any

import numpy as np

from effnas import errors, words
from effnas.space import (
  building,
  choices,
  compiling,
  counting,
  describing,
  encoding,
  labels,
  locating,
  placeholder,
  plan,
)
from effnas.space import tree as tree_lib

Arch = dict[str, labels.Scalar]


class Space(placeholder.Reader):
  """A tree with choices in its fields.

  An arch is a flat dict of plain JSON values. Its keys are the paths of the
  choices: field names, dict keys and indices, joined by dots; or their names.
  A choice inside of an option stands under '<key>.<label of the option>'. Only
  active choices are in an arch: those in alternatives not taken are absent.

  Example:
    >>> from effnas.space import oneof
    >>> space = Space({'bits': oneof(4, 8), 'act': oneof(max, min)})
    >>> space.size
    4
    >>> space.build({'bits': 4, 'act': 'max'})['act']
    <built-in function max>
    >>> space.check({'bits': 5, 'act': 'max'})
    Traceback (most recent call last):
    ...
    effnas.errors.UserError: 'bits' is 5; it must be in oneof(4, 8)
  """

  def __init__(self, tree: Any):
    """Compiles a tree.

    Args:
      tree: Linen modules, dataclasses, dicts, lists, tuples, in any nesting,
        with choices wherever a value may stand.

    Raises:
      UserError: Where a choice is tied by accident, two decisions have one key,
        or a dict above a choice has a key that makes no path.
    """
    self.tree = tree
    self._plan, self._entries = compiling.compile_tree(tree)

  @property
  def decisions(self) -> dict[str, choices.Choice]:
    """All choices by their keys, in the order of their declaration."""
    return {key: entry.choice for key, entry in self._entries.items()}

  @functools.cached_property
  def size(self) -> int | float:
    """The exact number of archs; `math.inf` with continuous choices."""
    return counting.size(self._plan, self._entries)

  def walk(self, decide: plan.Decide) -> Arch:
    """Takes every active decision, in the order of their declaration.

    Args:
      decide: Called once for each active key with the key and its choice;
        returns one of the choice's values.

    Returns:
      The arch.
    """
    arch: Arch = {}
    plan.walk(self._plan, _once(decide, arch))
    return arch

  def sample(self, rng: np.random.Generator) -> Arch:
    """Draws each active decision evenly, independent of the others."""
    return self.walk(lambda key, choice: choice.sample(rng))

  def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
    """Changes exactly one active decision.

    Args:
      arch: A valid arch.
      rng: The source of all randomness.

    Returns:
      A new arch: what the change activates is drawn, what stays active keeps
      its value.

    Raises:
      UserError: Where the arch is invalid, or the only one.
    """
    self.check(arch)
    able = [key for key in arch if not self._entries[key].choice.single]
    if not able:
      raise errors.UserError(
        'a space with a single arch has nothing to mutate; give it a choice '
        'with two options'
      )
    changed = able[rng.integers(len(able))]

    def decide(key, choice):
      if key == changed:
        return choice.other(arch[key], rng)
      return arch[key] if key in arch else choice.sample(rng)

    return self.walk(decide)

  def crossover(self, a: Arch, b: Arch, rng: np.random.Generator) -> Arch:
    """Takes each decision from one of two valid archs, at random.

    What is active in neither (a repeat's layers, its length coming from the
    other parent) is drawn.
    """
    self.check(a)
    self.check(b)

    def decide(key, choice):
      values = [parent[key] for parent in (a, b) if key in parent]
      if not values:
        return choice.sample(rng)
      return values[rng.integers(len(values))]

    return self.walk(decide)

  def check(self, arch: Mapping[str, Any]) -> None:
    """Raises a UserError where an arch is not of this space.

    Args:
      arch: What should be an arch.

    Raises:
      UserError: Names the first key that is unknown, missing or inactive, or
        whose value is not one of its options.
    """
    if not isinstance(arch, Mapping):
      raise errors.UserError(f'an arch is a dict of keys, got {arch!r}')
    for key in arch:
      if key not in self._entries:
        if not self._entries:
          raise errors.UserError(f'unknown choice {key!r}: there are none')
        raise errors.unknown('choice', key, self._entries)

    def decide(key, choice):
      if key not in arch:
        raise errors.UserError(
          f'the arch lacks {key!r}; it must be in {choice!r}'
        )
      if not choice.holds(arch[key]):
        raise errors.UserError(
          f'{key!r} is {arch[key]!r}; it must be in {choice!r}'
        )
      return arch[key]

    active = self.walk(decide)
    for key in arch:
      if key not in active:
        raise describing.inactive(key, self._entries[key], active)

  def build(self, arch: Arch) -> Any:
    """Builds the same tree without choices.

    Args:
      arch: A valid arch.

    Returns:
      The tree with values for choices; lists are tuples and dicts FrozenDicts,
      modules have no parent, so that equal archs give equal trees that hash.

    Raises:
      UserError: Where the arch is invalid.
    """
    self.check(arch)
    made: dict[plan.Branch, Any] = {}

    def make(node, values):
      if node not in made:  # one declared instance stays one
        made[node] = node.make(values)
      return made[node]

    return plan.walk(self._plan, lambda key, choice: arch[key], make)

  def locate(self, tree: Any, part: str | None = None) -> Arch | None:
    """Finds the arch that builds a tree: the inverse of `build`.

    Args:
      tree: A tree without choices.
      part: Where the space's tree is a dict, the key of the part that it is
        about; None is the whole.

    Returns:
      The decisions of the arch, of the part only where one is named; None
      where the tree is no point of the space.

    Example:
      >>> from effnas.space import oneof
      >>> space = Space({'model': (oneof(3, 5), 7), 'bits': oneof(4, 8)})
      >>> space.locate((5, 7), 'model')
      {'model.0': 5}
      >>> space.locate((4, 7), 'model') is None
      True
    """
    node = self._plan
    if part is not None:
      names = split.names if (split := tree_lib.split(self.tree)) else ()
      if part not in names:
        raise errors.unknown('part of the space', part, names)
      if isinstance(node, plan.Branch):
        node = node.children[names.index(part)]
      elif isinstance(node, plan.Fixed):
        node = plan.Fixed(node.value[part])
    return next(locating.locate(node, tree, {}), None)

  def builder(self) -> Callable[[Arch], Any]:
    """Returns a faster `build`, for many archs one after another.

    Returns:
      A function as `build`, whose trees have their equal parts in common as
      the same objects; it remembers some thousands of each.

    Example:
      >>> from effnas.space import oneof
      >>> space = Space({'model': (oneof(3, 5), oneof(1, 2)), 'bits': oneof(4)})
      >>> build = space.builder()
      >>> arch = {'model.0': 3, 'model.1': 2, 'bits': 4}
      >>> build(arch)['model'] is build(dict(arch))['model']
      True
    """
    fast = building.builder(self._plan)

    def build(arch):
      try:
        return fast(arch)
      except building.Stray:
        return self.build(arch)  # which says what is wrong

    return build

  def encode(self, arch: Arch) -> np.ndarray:
    """Encodes an arch as a float64 vector of fixed length.

    Args:
      arch: A valid arch.

    Returns:
      One after another: one-hot for a oneof (zeros where it is inactive), a
      number in [0, 1] for a range (-1 where it is inactive).
    """
    self.check(arch)
    return encoding.encode(self._entries, arch)

  def decode(self, vector: Any) -> Arch:
    """Decodes any vector of the right length to a valid arch.

    Args:
      vector: Any numbers; of `encode` or of an optimiser over vectors.

    Returns:
      The arch whose encoding it is, or one near to it.

    Raises:
      UserError: Where the vector has another length.
    """
    return self.walk(encoding.decoder(self._entries, vector))

  def grid(self, points: int | None = None) -> Iterator[Arch]:
    """Returns all archs, each once, the last decision changing fastest.

    Args:
      points: How many values of a continuous choice to take, ends included.

    Returns:
      An iterator of archs.

    Raises:
      UserError: Where a choice is continuous and `points` is not given.
    """
    if points is None:
      for key, choice in self.decisions.items():
        if choice.continuous:
          raise errors.UserError(
            f'{key!r} is continuous, {choice!r}: say how many values to take, '
            'as in grid(points=5)'
          )
    elif points < 1:
      raise errors.UserError(f'grid takes points >= 1, got {points!r}')
    return counting.grid(self.walk, points)

  def describe(self) -> dict[str, Any]:
    """Describes the space in plain JSON, for records and comparison.

    Returns:
      `size` (null where infinite) and `decisions`: for each its key, kind,
      options or low and high, and when it is active: null for always, else a
      list of alternatives, each with the values that other keys must have.
    """
    return describing.describe(self.size, self._entries)

  def __repr__(self):
    return f'<Space of {words.number(len(self._entries), "decision")}>'

  def __str__(self):
    return describing.text(self.size, self._entries)


def _once(decide: plan.Decide, arch: Arch) -> plan.Decide:
  """Takes a decision the first time that its key is met, and notes it."""

  def remembered(key, choice):
    if key not in arch:
      arch[key] = decide(key, choice)
    return arch[key]

  return remembered
