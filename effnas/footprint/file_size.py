"""Bytes of a weights file from those of its parts; `weights` says the format.

A part is what stands below one module. Its tensors stay together where the
tensors of a file are ordered, and its share of the header depends on the rest
by the digits of the offsets alone.
"""

from collections.abc import Iterable, Mapping
import dataclasses
import functools
import json
from typing import Any

import numpy as np

from effnas.footprint import weights
from effnas.footprint.program import ops

_EMPTY = np.zeros(0, np.int64)
# How many decimal digits a number has: one more than the powers up to it.
_POWERS = 10 ** np.arange(1, 19)
# Tensors of one width and one collection, e.g. (-4, 'params/').
_Group = tuple[int, str]


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
  """The tensors below one module.

  Attributes:
    tensors: How many there are.
    header: Bytes of their entries in the header, without offsets and commas.
    sizes: By group, pieces of the array of their bytes in the file's order.
  """

  tensors: int
  header: int
  sizes: Mapping[_Group, list[np.ndarray]]

  @functools.cached_property
  def size_bytes(self) -> int:
    """Bytes of the file that has these tensors and no other."""
    ordered = [a for group in sorted(self.sizes) for a in self.sizes[group]]
    sizes = np.concatenate([_EMPTY, *ordered])
    ends = np.cumsum(sizes)
    offsets = np.concatenate([ends, ends - sizes])
    digits = len(offsets) + int(
      np.searchsorted(_POWERS, offsets, side='right').sum()
    )
    text = 2 + self.header + digits + max(0, self.tensors - 1)
    return 8 + text + -text % 8 + int(sizes.sum())


@dataclasses.dataclass(frozen=True, eq=False)
class Own:
  """A module's own tensors.

  Attributes:
    tensors: How many there are.
    header: As in `Part`.
    named: By group, the name below the module and the bytes of each tensor.
  """

  tensors: int
  header: int
  named: Mapping[_Group, list[tuple[str, list[np.ndarray]]]]


def own(leaves: Mapping[tuple[str, ...], Any]) -> Own | None:
  """Takes in a module's own tensors.

  Args:
    leaves: Arrays or `jax.ShapeDtypeStruct` by path, collection first.

  Returns:
    The tensors; None where the format packs one of them or does not know it,
    or one has no proper name.
  """
  header = 0
  named: dict[_Group, list[tuple[str, list[np.ndarray]]]] = {}
  for (collection, *names), leaf in leaves.items():
    code = weights.CODES.get(leaf.dtype.name)
    if code is None or not all(
      n and '/' not in n for n in (collection, *names)
    ):
      return None
    name = '/'.join(names)
    entry = {'dtype': code, 'shape': list(leaf.shape), 'data_offsets': ['']}
    group = (-leaf.dtype.itemsize, f'{collection}/')
    # Braces, and two bytes for the offsets, whose comma is one.
    header += _length({group[1] + name: entry}) - 3
    size = ops.nbytes(tuple(leaf.shape), leaf.dtype)
    named.setdefault(group, []).append((name, [np.array([size])]))
  return Own(len(leaves), header, named)


def joined(
  tensors: Own | None, parts: Iterable[tuple[str, Part | None]]
) -> Part | None:
  """Joins a module's own tensors and those of modules below it.

  Args:
    tensors: What `own` gave; none of them lies below one of the parts.
    parts: Path of a module below, and its tensors.

  Returns:
    The tensors below the module; None where some could not be taken in.
  """
  if tensors is None:
    return None
  count, header = tensors.tensors, tensors.header
  named = {group: some.copy() for group, some in tensors.named.items()}
  for path, part in parts:
    if part is None:
      return None
    count += part.tensors
    header += part.header + part.tensors * _prefix(path)
    for group, sizes in part.sizes.items():
      named.setdefault(group, []).append((f'{path}/', sizes))
  ordered = {
    group: [a for _, sizes in sorted(some, key=_first) for a in sizes]
    for group, some in named.items()
  }
  if count == tensors.tensors:  # a link, which stands in many networks
    ordered = {group: [np.concatenate(some)] for group, some in ordered.items()}
  return Part(count, header, ordered)


def _first(pair: tuple[str, Any]) -> str:
  return pair[0]


def _length(value: Any) -> int:
  text = json.dumps(value, separators=(',', ':'), ensure_ascii=False)
  return len(text.encode())


@functools.lru_cache(maxsize=1024)
def _prefix(path: str) -> int:
  """Bytes that a path adds to the names below it."""
  return _length(f'{path}/') - 2
