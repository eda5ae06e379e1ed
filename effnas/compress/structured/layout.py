"""Operations that move positions about: reshapes, slices, concatenations."""

from collections.abc import Iterator, Sequence
import dataclasses
import itertools
import math
from typing import Any

import numpy as np

from effnas.compress.structured import axes as axes_lib
from effnas.compress.structured import meeting

Axes = axes_lib.Axes


def transpose(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Permutes axes."""
  to = {axis: i for i, axis in enumerate(eqn.params['permutation'])}
  return axes_lib.moved(ins[0], to, eqn.outvars[0].aval.shape)


def squeeze(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Takes axes of length 1 away; a unit there stays."""
  gone = eqn.params['dimensions']
  return meeting.dropped(walk, ins[0], gone, eqn.primitive.name)


def broadcast_in_dim(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Repeats along new axes, and along those of length 1."""
  x, shape = ins[0], eqn.outvars[0].aval.shape
  to = dict(enumerate(eqn.params['broadcast_dimensions']))
  stretched = [a for a, b in to.items() if x.shape[a] != shape[b]]
  x = axes_lib.heads(walk.atoms, x, *stretched) if stretched else x
  for axis in stretched:
    to.pop(axis)
    key = x.key(axis)
    if key:
      walk.pin([x.units[key]], 'a broadcast of it')
      units = {k: v for k, v in x.units.items() if k != key}
      x = dataclasses.replace(x, units=units)
  return axes_lib.moved(x, to, shape)


def reshape(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Merges and splits axes.

  Axes that a reshape split and another merges again in their order hold heads:
  each is cut as a whole. Merged in another order they were shuffled: parts of
  one size, of which each loses the same places.
  """
  x, shape = ins[0], tuple(eqn.outvars[0].aval.shape)
  if eqn.params.get('dimensions') is not None or math.prod(shape) == 0:
    walk.pin(x.labels(), 'a reshape of it')
    return Axes(shape)
  pieces = list(_pieces(x.shape, shape))
  for key in tuple(x.units):
    there = {i for i, (old, _) in enumerate(pieces) if set(old) & set(key)}
    if len(there) > 1 and not _kept(key, pieces):
      x = axes_lib.heads(walk.atoms, x, *key)
  units: dict[axes_lib.Key, np.ndarray] = {}
  free = set()
  to = {old[0]: new[0] for old, new in pieces if len(old) == len(new) == 1}
  for key, labels in x.units.items():
    if all(axis in to for axis in key):
      units[tuple(to[axis] for axis in key)] = labels
  for old, new in pieces:
    inside = [key for key in x.units if set(key) & set(old)]
    if not inside and all(x.is_free(axis) for axis in old):
      free |= set(new)
    if not inside or len(old) == len(new) == 1:
      continue
    if len(inside) > 1:
      walk.pin([x.units[key] for key in inside], 'a reshape of it')
      continue
    labels = _spread(walk, x, inside[0], old, len(new) < len(old))
    labels = labels.reshape([shape[axis] for axis in new])
    key, labels = _shortened(walk, new, labels)
    if key:
      units[key] = labels
    else:
      walk.pin([x.units[inside[0]]], 'a reshape of it')
  return Axes(shape, units, frozenset(free), x.zero)


def _kept(key, pieces):
  """Whether each axis of a key stays an axis."""
  return all(
    len(old) == len(new) == 1 for old, new in pieces if set(old) & set(key)
  )


def _pieces(
  old: Sequence[int], new: Sequence[int]
) -> Iterator[tuple[list[int], list[int]]]:
  """Yields runs of axes, old and new, of as many positions, short as can be."""
  i = j = 0
  while i < len(old) or j < len(new):
    a, b = [i] if i < len(old) else [], [j] if j < len(new) else []
    i, j = i + len(a), j + len(b)
    while True:
      sizes = math.prod(old[k] for k in a), math.prod(new[k] for k in b)
      if sizes[0] == sizes[1]:
        break
      if sizes[0] < sizes[1]:
        a.append(i)
        i += 1
      else:
        b.append(j)
        j += 1
    yield a, b


def _spread(walk, x, key, old, merges):
  """The units of a run of axes, at each of its positions."""
  labels = x.units[key]
  if len(key) > 1 and merges:
    shuffled = list(key) != sorted(key)
    x = (
      axes_lib.collapse(walk.atoms, x, key, key[1:], whole=False)
      if shuffled
      else axes_lib.heads(walk.atoms, x, *key)
    )
    key = next(k for k in x.units if set(k) <= set(key))
    labels = x.units[key]
  order = np.argsort(key)
  labels = labels.transpose(order)
  shape = [x.shape[a] if a in key else 1 for a in old]
  whole = [x.shape[a] for a in old]
  return np.broadcast_to(labels.reshape(shape), whole)


def _shortened(walk, new, labels):
  """Drops the axes along which the units do not change."""
  roots, keep = walk.atoms.roots(labels), []
  for i, axis in enumerate(new):
    if labels.shape[i] > 1 and (roots != roots.take([0], i)).any():
      keep.append(axis)
    else:
      labels = labels.take([0], i)
  return tuple(keep), labels.reshape([n for n in labels.shape if n > 1])


def split(walk: Any, eqn: Any, ins: Sequence[Axes]) -> list[Axes]:
  """Cuts an axis into parts."""
  axis, sizes = eqn.params['axis'], eqn.params['sizes']
  starts = np.cumsum([0, *sizes]).tolist()
  spans = list(itertools.pairwise(starts))
  return [_part(walk, ins[0], axis, span, spans) for span in spans]


def slice_(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Takes a part of each axis.

  Parts of units are followed where all parts together are the whole.
  """
  x, params = ins[0], eqn.params
  starts, limits = params['start_indices'], params['limit_indices']
  strides = params['strides'] or (1,) * len(starts)
  shape = tuple(eqn.outvars[0].aval.shape)
  spans = zip(starts, limits, strides, strict=True)
  for axis, (start, limit, stride) in enumerate(spans):
    if (start, limit, stride) == (0, x.shape[axis], 1):
      continue
    if limit == start:
      return Axes(shape, free=frozenset(range(len(shape))), zero=True)
    if x.key(axis) and stride != 1:
      x = axes_lib.heads(walk.atoms, x, axis)
    if x.key(axis) and stride != 1:
      x = meeting.stuck(walk, x, axis, shape[axis], 'a part of it is taken')
    elif x.key(axis):
      parts = walk.parts(eqn.invars[0], axis)
      x = _part(walk, x, axis, (start, limit), parts)
  return dataclasses.replace(x, shape=shape)


def _part(walk, x, axis, span, spans):
  """One of some parts of an axis.

  Code that cuts an axis in equal parts, of which the first may take what is
  left over, does so again when there are fewer units: each part loses the same
  places. Unequal parts are those of a layer that counts them itself (queries,
  keys and values), which is checked when the network is built.
  """
  key, size = x.key(axis), x.shape[axis]
  shape = list(x.shape)
  shape[axis] = span[1] - span[0]
  if key is None:
    return dataclasses.replace(x, shape=tuple(shape))
  covered = [i for part in sorted(spans) for i in range(*part)]
  labels = np.moveaxis(x.units[key], key.index(axis), 0)
  if covered != list(range(size)):
    walk.pin([labels], 'a part of it is taken')
  sizes = [b - a for a, b in sorted(spans)]
  if sizes and sizes[1:] == [sizes[-1]] * (len(sizes) - 1):
    first, each = sizes[0], sizes[-1]
    if 0 < first - each < len(sizes):
      walk.pin([labels[each:first]], 'what is left over by equal parts')
    if 0 <= first - each < len(sizes):
      for start, _ in sorted(spans)[1:]:
        walk.atoms.join(labels[:each], labels[start : start + each])
  part = np.moveaxis(labels[slice(*span)], 0, key.index(axis))
  return dataclasses.replace(
    x, shape=tuple(shape), units={**x.units, key: part}
  )


def concatenate(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Puts arrays behind each other."""
  axis, shape = eqn.params['dimension'], eqn.outvars[0].aval.shape
  ins = [x for x in ins if x.shape[axis]]
  keys = {x.key(axis) for x in ins}
  if len(keys) > 1:
    ins = [axes_lib.heads(walk.atoms, x, axis) for x in ins]
    keys = {x.key(axis) for x in ins} - {None}
  out = meeting.meet(walk, ins, shape, without=axis)
  free = out.free - {axis}
  key = next(iter(keys)) if keys else None
  if key is None:
    return dataclasses.replace(out, free=free)
  parts = []
  for x in ins:
    if key in x.units:
      parts.append(x.units[key])
      continue
    made = walk.atoms.new(x.shape[axis])
    walk.pin([made], 'a part beside it that cannot be cut')
    parts.append(made)
  labels = np.concatenate(parts, key.index(axis))
  return dataclasses.replace(out, free=free, units={**out.units, key: labels})


def pad(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Follows padding: what is put beside units stays when they are cut.

  The number of positions on either side is compared when the network is built.
  """
  x = axes_lib.heads(walk.atoms, ins[0])
  shape = tuple(eqn.outvars[0].aval.shape)
  for axis, config in enumerate(eqn.params['padding_config']):
    if x.key(axis) is None or not any(config):
      continue
    if config[2] or min(config) < 0:
      x = meeting.stuck(walk, x, axis, shape[axis], 'padding of it')
      continue
    beside = [walk.atoms.new(number) for number in config[:2]]
    walk.pin(beside, 'padding beside it')
    labels = np.concatenate([beside[0], x.units[axis,], beside[1]])
    x = dataclasses.replace(x, units={**x.units, (axis,): labels})
  return Axes(shape, x.units, frozenset(), x.zero and ins[1].zero)


def dynamic_slice(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Follows slices that take units whole."""
  x = axes_lib.heads(walk.atoms, ins[0])
  shape = tuple(eqn.outvars[0].aval.shape)
  for axis, length in enumerate(shape):
    if x.key(axis) and length != x.shape[axis]:
      x = meeting.stuck(walk, x, axis, length, 'a part of it is taken')
  return dataclasses.replace(x, shape=shape)


def gather(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Follows lookups of whole rows."""
  x, numbers = (
    axes_lib.heads(walk.atoms, ins[0]),
    eqn.params['dimension_numbers'],
  )
  shape = tuple(eqn.outvars[0].aval.shape)
  hidden = (
    *numbers.collapsed_slice_dims,
    *numbers.operand_batching_dims,
  )
  seen = [a for a in range(len(x.shape)) if a not in hidden]
  to = dict(zip(seen, numbers.offset_dims, strict=True))
  units: dict[axes_lib.Key, np.ndarray] = {}
  for (axis,), labels in x.units.items():
    if axis in to and shape[to[axis]] == x.shape[axis]:
      units[to[axis],] = labels
    else:
      walk.pin([labels], 'rows of it are looked up')
  walk.pin(ins[1].labels(), 'rows are looked up by it')
  return Axes(shape, units, frozenset(), x.zero)
