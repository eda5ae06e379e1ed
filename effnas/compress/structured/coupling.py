"""Coupled groups of channels and heads, found from a network's program.

A group is what must be cut together: a convolution's outputs, scale, shift and
statistics of the normalisation behind it, a depthwise kernel, the layers of
squeeze-and-excitation, the inputs of the next convolution, all members of a
residual sum.

Reference:
  Li et al., 2017, Pruning Filters for Efficient ConvNets,
  https://arxiv.org/abs/1608.08710 (filters with the maps and inputs they
  make); Fang et al., 2023, DepGraph, https://arxiv.org/abs/2301.12900
"""

from collections.abc import Iterable, Sequence
import dataclasses
import functools
from typing import Any

from flax import linen
import numpy as np

from effnas import jaxprs
from effnas.compress.structured import axes as axes_lib
from effnas.compress.structured import follow, tracing
from effnas.nn import once

_OUTPUT = 'the output'
_WEIGHTS = ('kernel', 'embedding')


@dataclasses.dataclass(frozen=True)
class Member:
  """An axis of a variable that a group goes along.

  Attributes:
    path: Of the variable, collection first, 'params/stem/conv/kernel'.
    axis: Its axis.
    units: For each position of the axis its unit, or -1 for what is not of the
      group. The inputs of a dense layer behind a flattened map hold each unit
      many times.
  """

  path: str
  axis: int
  units: tuple[int, ...]

  def where(self, kept: np.ndarray) -> np.ndarray:
    """Returns booleans [length of the axis] from those of the units."""
    return np.append(np.asarray(kept, bool), True)[list(self.units)]


@dataclasses.dataclass(frozen=True)
class Group:
  """Units that are cut by one decision each.

  Attributes:
    name: Path of the first layer that gives the units.
    size: Units U.
    members: What is cut with them.
    kind: 'channels', or 'heads', each a number of channels.
  """

  name: str
  size: int
  members: tuple[Member, ...]
  kind: str = 'channels'


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
  """What following a network gave.

  Attributes:
    groups: The groups that can be cut, in the order of the program.
    left: Name of a group that cannot -> the operation that stands in the way.
    traced: The network's trace.
    walk: The walk along it.
    variables: Path of a variable -> its axes.
  """

  groups: tuple[Group, ...]
  left: dict[str, str]
  traced: tracing.Traced
  walk: follow.Walk
  variables: dict[tuple[str, ...], axes_lib.Axes]


def find(
  net: linen.Module, input_shape: Sequence[int], dtype: Any = np.float32
) -> Found:
  """Follows a network, once for equal ones.

  Args:
    net: A Linen module.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    Groups that could be cut as far as the program tells; `finding.groups` has
    those of which the network was built smaller to see.
  """
  return once.once(_find, net, tuple(input_shape), np.dtype(dtype).name)


@functools.lru_cache(maxsize=64)
def _find(net, input_shape, dtype) -> Found:
  traced = tracing.trace(net, input_shape, dtype)
  walk = follow.Walk()
  variables = {
    path: _parameters(walk, path, leaf.shape)
    for path, leaf in traced.variables.items()
  }
  x = jaxprs.read(traced.jaxpr).inputs[-1].aval
  outs = walk.body(traced.jaxpr, [*variables.values(), axes_lib.Axes(x.shape)])
  for out in outs:
    for labels in out.labels():
      walk.atoms.pin(labels, _OUTPUT)
  groups, left = _grouped(walk, variables, traced.modules)
  return Found(groups, left, traced, walk, variables)


def _parameters(walk, path, shape):
  units: dict[axes_lib.Key, np.ndarray] = {
    (axis,): walk.atoms.new(size) for axis, size in enumerate(shape) if size > 1
  }
  return axes_lib.Axes(
    tuple(shape), units, zero=path[0] == 'params', weight=True
  )


def _grouped(walk, variables, modules):
  """Sorts units by the axes they are on: those on the same ones are a group."""
  axes_of: dict[int, list] = {}
  roots = {}
  for path, axes in variables.items():
    for (axis,), labels in axes.units.items():
      roots[path, axis] = walk.atoms.roots(labels)
      for root in dict.fromkeys(roots[path, axis].tolist()):
        axes_of.setdefault(root, []).append((path, axis))
  gathered: dict[tuple, list[int]] = {}
  for root, at in axes_of.items():
    gathered.setdefault(tuple(at), []).append(root)
  found: list[tuple[int, Group]] = []
  left: dict[str, str] = {}
  for places, every in gathered.items():
    name = _first(places, variables, modules)
    if name is None:
      continue
    units = [root for root in every if walk.atoms.reason(root) is None]
    if len(units) < 2:
      reason = walk.atoms.reason(np.array(every)) or (
        'its channels stand or fall together'
      )
      if reason != _OUTPUT and any(path[-1] in _WEIGHTS for path, _ in places):
        left.setdefault(name, reason)
      continue
    number = {root: i for i, root in enumerate(units)}
    members = tuple(
      Member('/'.join(path), axis, tuple(number.get(r, -1) for r in
        roots[path, axis].tolist()))
      for path, axis in places
    )  # fmt: skip
    heads = walk.atoms.is_whole(np.array(units)) or any(
      _given(path, modules) > 1 and 0 < axis < len(variables[path].shape) - 1
      for path, axis in places
    )
    kind = 'heads' if heads else 'channels'
    place = _place(('', *name.split('/'), ''), list(modules))
    found.append((place, Group(name, len(units), members, kind)))
  found.sort(key=lambda item: item[0])
  named = tuple(_named([group for _, group in found]))
  # The channels of a head that is cut as a whole are no group of their own.
  there = {group.name for group in named}
  return named, {k: why for k, why in left.items() if k not in there}


def _first(at, variables, modules):
  """The path of the first layer that gives some units, or None."""
  order = list(modules)
  paths = [
    (path[-1] not in _WEIGHTS, _place(path, order), '/'.join(path[1:-1]))
    for path, axis in at
    if path[0] == 'params'
    and axis >= len(variables[path].shape) - _given(path, modules)
    and axis > 0
  ]
  return min(paths)[-1] if paths else None


def _given(path, modules):
  """How many of a kernel's last axes are a layer's outputs: heads have two."""
  seen = modules.get('/'.join(path[1:-1]))
  several = seen and path[-1] == 'kernel'
  features = getattr(seen.module, 'features', 1) if several else 1
  return 1 if isinstance(features, int) else len(features)


def _place(path, order):
  module = '/'.join(path[1:-1])
  return order.index(module) if module in order else len(order)


def _named(groups: Iterable[Group]) -> list[Group]:
  """Gives groups that share their first layer names of their own."""
  taken: dict[str, int] = {}
  named = []
  for group in groups:
    number = taken[group.name] = taken.get(group.name, 0) + 1
    name = f'{group.name}:{number}' if number > 1 else group.name
    named.append(dataclasses.replace(group, name=name))
  return named
