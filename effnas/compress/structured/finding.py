"""The groups of a network that can be cut, those that cannot, and its blocks.

Example:
  >>> from flax import linen
  >>> net = linen.Sequential([linen.Dense(8), linen.relu, linen.Dense(2)])
  >>> [(group.name, group.size) for group in groups(net, (4,))]
  [('layers_0', 8)]
"""

from collections.abc import Iterable, Sequence
import fnmatch
import functools
from typing import Any

from flax import linen
import numpy as np

from effnas import errors
from effnas.compress.structured import coupling, sizing
from effnas.nn import once


def groups(
  net: linen.Module, input_shape: Sequence[int], dtype: Any = np.float32
) -> tuple[coupling.Group, ...]:
  """Finds the groups that can be cut.

  The network is followed once, and built without the first and the last unit of
  each group to see that it does the same; nothing is allocated.

  Args:
    net: A Linen module, one that `narrow.remove` gave included. A `Rewritten`
      goes around the result.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    The groups in the order of the program. Those that an operation stands in
    the way of are `left`.

  Example:
    >>> net = linen.Sequential([
    ...   linen.Conv(6, (3, 3), use_bias=False), linen.BatchNorm(True),
    ...   linen.relu, linen.Conv(4, (1, 1))])
    >>> for member in groups(net, (8, 8, 3))[0].members:
    ...   print(member.path, member.axis)
    batch_stats/layers_1/mean 0
    batch_stats/layers_1/var 0
    params/layers_0/kernel 3
    params/layers_1/bias 0
    params/layers_1/scale 0
    params/layers_3/kernel 2
  """
  return _checked(net, input_shape, dtype)[0]


def left(
  net: linen.Module, input_shape: Sequence[int], dtype: Any = np.float32
) -> dict[str, str]:
  """Names the groups that are left alone.

  Args:
    net: A Linen module.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    Name of a group -> the operation that cannot be followed, and where.

  Example:
    >>> net = linen.Sequential([
    ...   linen.Dense(8), linen.softmax, linen.Dense(2)])
    >>> left(net, (4,))
    {'layers_0': 'reduce_max over it at Sequential'}
  """
  return dict(_checked(net, input_shape, dtype)[1])


def choose(
  net: linen.Module,
  input_shape: Sequence[int],
  patterns: Iterable[str],
  dtype: Any = np.float32,
) -> tuple[coupling.Group, ...]:
  """Returns groups that are asked for by name.

  Args:
    net: A Linen module.
    input_shape: Of one example, without the batch.
    patterns: Shell patterns on the groups' names.
    dtype: Of the inputs.

  Raises:
    UserError: A pattern is for no group, or for one that cannot be cut.

  Example:
    >>> net = linen.Sequential([linen.Dense(8), linen.Dense(6), linen.Dense(2)])
    >>> [group.name for group in choose(net, (4,), ['*_1'])]
    ['layers_1']
  """
  there, refused = _checked(net, input_shape, dtype)
  chosen = []
  for pattern in patterns:
    found = [g for g in there if fnmatch.fnmatchcase(g.name, pattern)]
    for name, why in refused.items():
      if fnmatch.fnmatchcase(name, pattern) and not found:
        raise errors.UserError(f'{name} cannot be pruned: {why}')
    if not found:
      raise errors.unknown('group', pattern, (g.name for g in there))
    chosen += [group for group in found if group not in chosen]
  return tuple(chosen)


def _checked(net, input_shape, dtype):
  return once.once(_check, net, tuple(input_shape), np.dtype(dtype).name)


@functools.lru_cache(maxsize=64)
def _check(net, input_shape, dtype):
  found = coupling.find(net, input_shape, dtype)
  if _refusal(net, found, found.groups) is None:
    return found.groups, found.left
  good, bad = [], {}
  for group in found.groups:
    why = _refusal(net, found, [group])
    if why is None:
      good.append(group)
    else:
      bad[group.name] = why
  return tuple(good), {**found.left, **bad}


def _refusal(net, found, cut):
  """Why the network cannot be built without the ends of groups, or None."""
  kept = {}
  for group in cut:
    # Code that slices by numbers of its own would take others for either end.
    where = np.arange(group.size)
    kept[group.name] = (where > 0) & ((where < group.size - 1) | (where < 2))
  try:
    sizing.narrow(net, found, cut, kept)
  except errors.UserError as error:
    return str(error)
  return None
