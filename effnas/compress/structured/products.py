"""Matrix products and convolutions: where one layer's units meet the next's."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from effnas.compress.structured import axes as axes_lib

Axes = axes_lib.Axes


def dot_general(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Joins contracted units with the weights that read them.

  A product of two activations over units (scores of attention over the
  channels of a head, say) is scaled by their number as a rule: not followed.
  """
  contract, batch = eqn.params['dimension_numbers']
  sides = [
    _resolved(walk, x, contract[i], batch[i]) for i, x in enumerate(ins[:2])
  ]
  for pair in zip(*contract, strict=True):
    _contracted(walk, sides, pair, eqn.primitive.name)
  shape = tuple(eqn.outvars[0].aval.shape)
  units: dict[axes_lib.Key, np.ndarray] = {}
  free = set()
  for i, pair in enumerate(zip(*batch, strict=True)):
    found = _joined(walk, sides, pair)
    if found is not None:
      units[i,] = found
    elif all(x.is_free(axis) for x, axis in zip(sides, pair, strict=True)):
      free.add(i)
  start, zeros = len(batch[0]), []
  for x, gone, first in zip(sides, contract, batch, strict=True):
    rest = [a for a in range(len(x.shape)) if a not in (*gone, *first)]
    to = {axis: start + i for i, axis in enumerate(rest)}
    for key, labels in x.units.items():
      if all(axis in to for axis in key):
        units[tuple(to[axis] for axis in key)] = labels
        zeros.append(x.zero or walk.atoms.is_pinned(labels))
    free |= {to[axis] for axis in x.free if axis in to}
    start += len(rest)
  return Axes(shape, units, frozenset(free), all(zeros) if zeros else False)


def _resolved(walk, x, contract, batch):
  """Leaves no key that is in part contracted, or in the batch."""
  for key in tuple(x.units):
    rest = [a for a in key if a not in contract and a not in batch]
    if len(key) > 1 and len(rest) < len(key):
      keep = [axis for axis in key if axis in batch][:1] or rest[:1] or key[:1]
      x = axes_lib.collapse(walk.atoms, x, key, keep)
  return x


def _joined(walk, sides, pair):
  """The units of two axes that run together, or None."""
  keys = [x.key(axis) for x, axis in zip(sides, pair, strict=True)]
  held = [x.units[key] for x, key in zip(sides, keys, strict=True) if key]
  if len(held) == 2:
    walk.atoms.join(*held)
  for x, key, axis in zip(sides, keys, pair, strict=True):
    if held and not key and not x.is_free(axis):
      walk.pin(held, 'meets an array that cannot be cut')
  return held[0] if held else None


def _contracted(walk, sides, pair, name):
  keys = [x.key(axis) for x, axis in zip(sides, pair, strict=True)]
  held = [x.units[key] for x, key in zip(sides, keys, strict=True) if key]
  if len(held) == 2:
    walk.atoms.join(*held)
    if not any(x.weight and x.zero for x in sides):
      walk.pin(held, f'{name} of two activations over it')
  elif held:
    walk.pin(held, f'{name} over it with an array that cannot be cut')


def conv_general_dilated(walk: Any, eqn: Any, ins: Sequence[Axes]) -> Axes:
  """Joins input channels with the kernel's; groups are cut alike.

  Of a depthwise kernel each filter goes with its channel. In other groups the
  n-th channel of each is one unit, so that they stay of one size.
  """
  params = eqn.params
  lhs, rhs, out = params['dimension_numbers']
  x, kernel = (axes_lib.heads(walk.atoms, side) for side in ins[:2])
  shape = tuple(eqn.outvars[0].aval.shape)
  groups = params['feature_group_count']
  if params['batch_group_count'] != 1:
    walk.pin(x.labels() + kernel.labels(), 'a convolution in batch groups')
    return Axes(shape)
  for side, spec in ((x, lhs), (kernel, rhs)):
    for key, labels in side.units.items():
      if key[0] not in spec[:2]:
        walk.pin([labels], 'the window of a convolution')
      elif side is x and key[0] == lhs[0]:
        walk.pin([labels], 'the batch of a convolution')
  channels, inputs, outputs = (
    side.units.get((axis,))
    for side, axis in ((x, lhs[1]), (kernel, rhs[1]), (kernel, rhs[0]))
  )
  each = kernel.shape[rhs[1]]
  zero = kernel.zero or x.zero
  if groups == 1 or each > 1:
    _read(walk, channels, inputs, groups, kernel.weight and kernel.zero)
    _alike(walk, outputs, groups)
    zero = kernel.zero
  elif channels is not None and outputs is not None:
    walk.atoms.join(channels[:, None], outputs.reshape(groups, -1))
  else:
    held = [a for a in (channels, outputs) if a is not None]
    walk.pin(held, 'a convolution with an array that cannot be cut')
  units: dict[axes_lib.Key, np.ndarray] = {}
  if outputs is not None:
    units[out[1],] = outputs
  return Axes(shape, units, frozenset(), zero)


def _read(walk, channels, inputs, groups, weight):
  if channels is not None and inputs is not None:
    walk.atoms.join(channels.reshape(groups, -1), inputs)
    if not weight:
      walk.pin([inputs], 'a convolution of two activations over it')
    return
  held = [a for a in (channels, inputs) if a is not None]
  walk.pin(held, 'a convolution with an array that cannot be cut')


def _alike(walk, outputs, groups):
  if outputs is not None and groups > 1:
    parts = outputs.reshape(groups, -1)
    walk.atoms.join(parts, parts[:1])
