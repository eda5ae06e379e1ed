"""What stands on the axes of one array: units, the same everywhere, or else."""

from collections.abc import Sequence
import dataclasses

import numpy as np

from effnas.compress.structured import atoms as atoms_lib

Key = tuple[int, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Axes:
  """The axes of an array.

  An axis holds units (it stands in a key), or the same value at each position
  (it is free, as after a broadcast), or anything else. A reshape may spread
  units over several axes, heads x channels say: their key names these axes in
  the order in which the units were laid out.

  Attributes:
    shape: Of the array.
    units: Axes -> atoms, of the shape of these axes in the key's order.
    free: Axes of one value.
    zero: Whether the array is zero at each unit whose parameters are zero.
    value: Of a constant that is one known number.
    weight: Whether it depends on parameters and constants alone.
  """

  shape: tuple[int, ...]
  units: dict[Key, np.ndarray] = dataclasses.field(default_factory=dict)
  free: frozenset[int] = frozenset()
  zero: bool = False
  value: float | None = None
  weight: bool = False

  def key(self, axis: int) -> Key | None:
    """Returns the key that an axis stands in."""
    return next((key for key in self.units if axis in key), None)

  def is_free(self, axis: int) -> bool:
    """Says whether an axis holds one value."""
    return axis in self.free or (
      self.shape[axis] == 1 and self.key(axis) is None
    )

  def labels(self) -> list[np.ndarray]:
    """Returns all atoms."""
    return list(self.units.values())


def collapse(
  atoms: atoms_lib.Atoms,
  x: Axes,
  key: Key,
  keep: Sequence[int],
  whole: bool = True,
) -> Axes:
  """Lets units that are spread over axes depend on some of these alone.

  Args:
    atoms: All atoms; those that differ along the other axes are joined.
    x: The array.
    key: One of its keys.
    keep: The axes that go on to hold units, at least one of the key.
    whole: Whether units are heads from here on.

  Returns:
    The array with a key of these axes.
  """
  if len(keep) == len(key):
    return x
  keep = tuple(axis for axis in key if axis in keep)
  order = [key.index(axis) for axis in keep]
  rest = [i for i in range(len(key)) if i not in order]
  labels = x.units[key].transpose(*order, *rest)
  labels = labels.reshape(*labels.shape[: len(keep)], -1)
  atoms.join(labels, labels[..., :1])
  if whole:
    atoms.whole(labels[..., 0])
  units = {k: v for k, v in x.units.items() if k != key}
  return dataclasses.replace(x, units={**units, keep: labels[..., 0]})


def heads(atoms: atoms_lib.Atoms, x: Axes, *among: int) -> Axes:
  """Collapses keys of several axes to their first, which counts the heads.

  Args:
    atoms: All atoms.
    x: The array.
    *among: Axes whose keys are meant; all where none is named.
  """
  for key in tuple(x.units):
    if len(key) > 1 and (not among or not set(among).isdisjoint(key)):
      x = collapse(atoms, x, key, key[:1])
  return x


def moved(x: Axes, to: dict[int, int], shape: Sequence[int]) -> Axes:
  """Moves axes.

  Args:
    x: The array.
    to: Axis -> where it is afterwards. An axis that is not here is gone, and
      stands in no key.
    shape: Afterwards.

  Returns:
    The array; axes that are new are free.
  """
  units = {tuple(to[a] for a in key): v for key, v in x.units.items()}
  free = {to[a] for a in x.free if a in to}
  new = set(range(len(shape))) - set(to.values())
  return Axes(
    tuple(shape), units, frozenset(free | new), x.zero, x.value, x.weight
  )
