"""A cell as the set of its paths from input to output.

A path is the sequence of operations along it, whichever nodes it leads
through. Cells that compute the same have the same paths: what hangs off a dead
edge is in none of them.

Reference:
  White, Neiswanger and Savani 2021, "BANANAS: Bayesian optimization with neural
  architectures for neural architecture search", arXiv:1910.11858, on the path
  encoding and its truncation; White et al. 2020, "A study on
  encodings for neural architecture search", arXiv:2007.04965.
"""

from collections.abc import Iterable, Mapping, Sequence
import itertools
import re
from typing import Any

import numpy as np

Path = tuple[str, ...]

_EDGE = re.compile(r'(?:.*\.)?edge_(\d+)_(\d+)')
_NOTHING = ('none',)  # operations whose output is zero


def paths(
  adjacency: Any,
  operations: Sequence[str] | Mapping[tuple[int, int], str],
  nothing: Sequence[str] = _NOTHING,
) -> list[Path]:
  """Returns the paths through a cell, the shorter first, none twice.

  Args:
    adjacency: Shape (nodes, nodes), [i, j] not 0 where an edge leads from node
      i to node j, only for i < j. Node 0 is the input, the last the output.
    operations: Of each node, shape (nodes,), where those of input and output
      do not count; or of each edge, {(i, j): operation}.
    nothing: Operations that let nothing through.

  Returns:
    Sequences of operations; `()` where input and output are joined directly
    and operations lie on nodes.

  Example:
    >>> cell = {(0, 1): 'conv', (1, 2): 'pool', (0, 2): 'skip'}
    >>> paths(np.triu(np.ones((3, 3)), 1), cell)
    [('skip',), ('conv', 'pool')]
    >>> paths(np.triu(np.ones((3, 3)), 1), ['input', 'conv', 'output'])
    [(), ('conv',)]
  """
  there = np.asarray(adjacency) != 0
  last = len(there) - 1
  reached: list[set[Path]] = [set() for _ in there]
  reached[0] = {()}
  for start, end in itertools.combinations(range(len(there)), 2):
    if there[start, end]:
      if isinstance(operations, Mapping):
        step: Path = (operations[start, end],)
      else:
        step = () if end == last else (operations[end],)
      if not set(step) & set(nothing):
        reached[end] |= {path + step for path in reached[start]}
  return sorted(reached[last], key=_order)


def columns(
  operations: Iterable[str],
  lengths: Iterable[int],
  most: int | None = None,
  nothing: Sequence[str] = _NOTHING,
) -> list[Path]:
  """Returns all paths that cells may have, the shorter first.

  Args:
    operations: What may stand in a path.
    lengths: How many operations a path may have.
    most: How many of them to keep: long paths are many, and each of them is
      rare among random cells.
    nothing: Operations that let nothing through.

  Returns:
    operations ** length of each length.

  Example:
    >>> columns(['conv', 'none', 'skip'], (1, 2), most=3)
    [('conv',), ('skip',), ('conv', 'conv')]
  """
  able = sorted(set(operations) - set(nothing))
  found = (
    path
    for length in sorted(set(lengths))
    for path in itertools.product(able, repeat=length)
  )
  return list(itertools.islice(found, most))


def rows(cells: Iterable[Iterable[Path]], known: Sequence[Path]) -> np.ndarray:
  """Returns a row for each cell: 1 in the columns of the paths that it has.

  Args:
    cells: The paths of each cell.
    known: The columns; other paths are left out.

  Returns:
    Shape (cells, columns).
  """
  place = {path: i for i, path in enumerate(known)}
  listed = [list(cell) for cell in cells]
  found = np.zeros((len(listed), len(known)))
  for row, cell in zip(found, listed, strict=True):
    row[[place[path] for path in cell if path in place]] = 1
  return found


class Cells:
  """The path encoding of a space whose decisions are the edges of one cell.

  Its keys end in 'edge_I_J', from node I to node J, as in NAS-Bench-201; any
  other decision is left to `effnas.search.proposing.features`.

  Attributes:
    columns: The paths; 84 for NAS-Bench-201: 4 + 4^2 + 4^3 sequences of the
      operations other than 'none'.

  Example:
    >>> from effnas.zoo import nasbench201
    >>> cells = Cells(nasbench201.space())
    >>> len(cells.columns)
    84
    >>> arch = nasbench201.arch({'arch_str': nasbench201.BEST})
    >>> int(cells.rows([arch]).sum())
    4
  """

  def __init__(self, space: Any, most: int | None = None):
    """Looks at a space.

    Args:
      space: The `effnas.space.Space`; see `is_cell`.
      most: How many columns to keep, the shortest paths; None for all.
    """
    self._edges = _edges(space)
    ends = list(self._edges.values())
    nodes = 1 + max(end for _, end in ends)
    self._adjacency = np.zeros((nodes, nodes), int)
    for start, end in ends:
      self._adjacency[start, end] = 1
    options = {
      label
      for key, choice in space.decisions.items()
      for label in choice.labels
      if key in self._edges
    }
    # With one operation on all edges, paths differ only in their lengths.
    alike = paths(self._adjacency, dict.fromkeys(ends, ''))
    self.columns = columns(options, map(len, alike), most)

  def rows(self, archs: Iterable[Mapping[str, Any]]) -> np.ndarray:
    """Returns a row for each architecture, shape (architectures, columns).

    Args:
      archs: Points of the space.
    """
    return rows((self._paths(arch) for arch in archs), self.columns)

  def _paths(self, arch: Mapping[str, Any]) -> list[Path]:
    operations = {ends: arch[key] for key, ends in self._edges.items()}
    return paths(self._adjacency, operations)


def is_cell(space: Any) -> bool:
  """Says whether all that is decided in a space are the edges of one cell.

  Args:
    space: The `effnas.space.Space`.

  Example:
    >>> from effnas.zoo import nasbench201, nasbench_macro
    >>> is_cell(nasbench201.space()), is_cell(nasbench_macro.space())
    (True, False)
  """
  ends = list(_edges(space).values())
  return 0 < len(ends) == len(space.decisions) == len(set(ends))


def _edges(space: Any) -> dict[str, tuple[int, int]]:
  """Returns start and end of each decision that is an edge."""
  found = {}
  for key, choice in space.decisions.items():
    match = _EDGE.fullmatch(key)
    if match and hasattr(choice, 'labels') and int(match[1]) < int(match[2]):
      found[key] = int(match[1]), int(match[2])
  return found


def _order(path: Path) -> tuple[int, Path]:
  return len(path), path
