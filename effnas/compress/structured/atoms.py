"""Units of a network: which positions of its arrays stand or fall together."""

from collections.abc import Iterator

import numpy as np


class Atoms:
  """Disjoint sets of positions, joined where they must be cut together.

  Each position of each axis of a variable is an atom. Following a network
  joins atoms (both operands of a sum, a layer's output and the next one's
  input) and pins those that cannot be cut, with a reason.

  Example:
    >>> atoms = Atoms()
    >>> outputs, inputs = atoms.new(2), atoms.new(2)
    >>> atoms.join(outputs, inputs)
    >>> atoms.pin(inputs[:1], 'the output')
    >>> atoms.roots(inputs).tolist(), atoms.reason(outputs)
    ([0, 1], 'the output')
  """

  def __init__(self):
    self._parents = np.zeros(0, np.int64)
    self._reasons: dict[int, str] = {}
    self._wholes: set[int] = set()

  def new(self, number: int) -> np.ndarray:
    """Returns so many atoms, each alone."""
    start = len(self._parents)
    made = np.arange(start, start + number)
    self._parents = np.concatenate([self._parents, made])
    return made

  def roots(self, atoms: np.ndarray) -> np.ndarray:
    """Returns one atom for each set, the same for all atoms in it."""
    found = np.asarray(atoms)
    while True:
      above = self._parents[found]
      if np.array_equal(above, found):
        return found
      found = above

  def join(self, a: np.ndarray, b: np.ndarray) -> None:
    """Joins atoms pairwise.

    Args:
      a: Atoms.
      b: Atoms of the same shape, or one that broadcasts.
    """
    a, b = np.broadcast_arrays(a, b)
    for pair in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True):
      x, y = sorted(map(self._root, pair))
      if x == y:
        continue
      self._parents[y] = x
      if y in self._reasons:
        self._reasons.setdefault(x, self._reasons.pop(y))
      if y in self._wholes:
        self._wholes.add(x)

  def pin(self, atoms: np.ndarray, reason: str) -> None:
    """Forbids to cut atoms; the first reason for a set stays."""
    for root in set(self.roots(atoms).ravel().tolist()):
      self._reasons.setdefault(root, reason)

  def whole(self, atoms: np.ndarray) -> None:
    """Notes that each of these is a head: positions that were joined."""
    self._wholes.update(self.roots(atoms).ravel().tolist())

  def reason(self, atoms: np.ndarray | int) -> str | None:
    """Returns why some of these cannot be cut, or None where all can."""
    return next(self._among(atoms, self._reasons.get), None)

  def is_pinned(self, atoms: np.ndarray) -> bool:
    """Says whether none of these can be cut."""
    roots = self.roots(atoms).ravel().tolist()
    return all(root in self._reasons for root in roots)

  def is_whole(self, atoms: np.ndarray) -> bool:
    """Says whether some of these are heads."""
    return any(self._among(atoms, lambda root: root in self._wholes or None))

  def _among(self, atoms, of) -> Iterator:
    found = map(of, self.roots(atoms).ravel().tolist())
    return (value for value in found if value is not None)

  def _root(self, atom: int) -> int:
    while self._parents[atom] != atom:
      self._parents[atom] = self._parents[self._parents[atom]]
      atom = int(self._parents[atom])
    return atom
