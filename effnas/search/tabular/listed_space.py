"""Those architectures of a space that are on a list, as a space."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from effnas import errors, space
from effnas.search import plain
from effnas.space import encoding, plan


class ListedSpace(space.Space):
  """A space that has the listed architectures and no others.

  Samplers for whole spaces work on it: wherever decisions are taken, the
  listed architecture that differs in the fewest of them stands in, the first
  of several. Of a sparse list that is often the one that was changed, so that
  mutation takes the nearest other one.

  Example:
    >>> tree = {'kernel': space.oneof(3, 5, 7), 'se': space.oneof(False, True)}
    >>> some = [{'kernel': 3, 'se': True}, {'kernel': 7, 'se': False}]
    >>> listed = ListedSpace(tree, some, 'two')
    >>> listed.size, listed.walk(lambda key, choice: choice.values()[0])
    (2, {'kernel': 3, 'se': True})
  """

  def __init__(self, tree: Any, archs: Sequence[Mapping[str, Any]], name: str):
    """Compiles a tree.

    Args:
      tree: As for `effnas.space.Space`.
      archs: The architectures, none twice.
      name: Of the list, for errors.

    Raises:
      UserError: There are none, or one is not of the space.
    """
    super().__init__(tree)
    if not archs:
      raise errors.UserError(f'{name}: no row has all that is asked for')
    self._whole = space.Space(tree)
    self._name = name
    self._archs = [dict(arch) for arch in archs]
    self._keys = {plain.key(arch) for arch in archs}
    self._codes = np.stack([self._whole.encode(arch) for arch in self._archs])

  @property
  def size(self) -> int:
    """How many architectures are on the list."""
    return len(self._archs)

  def walk(self, decide: plan.Decide) -> space.Arch:
    """Takes decisions as `Space.walk`; returns what is listed nearest."""
    return self._near(super().walk(decide))

  def sample(self, rng: np.random.Generator) -> space.Arch:
    """Draws one of the list, each as likely."""
    return dict(self._archs[rng.integers(len(self._archs))])

  def mutate(
    self, arch: Mapping[str, Any], rng: np.random.Generator
  ) -> space.Arch:
    """Changes one decision, and returns the nearest that is not `arch`."""
    return self._near(self._whole.mutate(dict(arch), rng), other=arch)

  def crossover(
    self, a: Mapping[str, Any], b: Mapping[str, Any], rng: np.random.Generator
  ) -> space.Arch:
    """Takes each decision from one of two; returns what is listed nearest."""
    return self._near(self._whole.crossover(dict(a), dict(b), rng))

  def check(self, arch: Mapping[str, Any]) -> None:
    """Raises a UserError where an arch is not on the list."""
    self._whole.check(arch)
    if plain.key(arch) not in self._keys:
      raise errors.UserError(
        f'{self._name} has {len(self._archs):,} networks, and this is none of '
        'them'
      )

  def grid(self, points: int | None = None) -> Iterator[space.Arch]:
    """Returns the list, in its order."""
    del points
    return (dict(arch) for arch in self._archs)

  def _near(
    self, arch: Mapping[str, Any], other: Mapping[str, Any] | None = None
  ) -> space.Arch:
    code = encoding.encode(self._entries, dict(arch))
    away = np.abs(self._codes - code).sum(axis=1)
    if other is not None and len(self._archs) > 1:
      here = encoding.encode(self._entries, dict(other))
      away[(self._codes == here).all(axis=1)] = np.inf
    return dict(self._archs[int(away.argmin())])
