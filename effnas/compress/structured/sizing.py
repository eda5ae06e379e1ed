"""The smaller module of given groups' counts, and the check that it is one."""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
from typing import Any

from flax import linen
import numpy as np

from effnas import errors, jaxprs
from effnas.compress.structured import coupling, narrowed, normalised, tracing

_LAYERS = (
  linen.Conv,
  linen.ConvTranspose,
  linen.Dense,
  linen.DenseGeneral,
  linen.Embed,
)
# Fields that count heads, or groups of channels that are normalised together.
_HEADS = ('heads', 'kv_heads', 'num_heads', 'num_groups')

Kept = Mapping[str, np.ndarray]


def first(groups: Iterable[coupling.Group], counts: Mapping[str, int]) -> Kept:
  """Keeps the first units, where only their number matters.

  Args:
    groups: Groups.
    counts: Name -> units to keep.
  """
  return {
    group.name: np.arange(group.size) < counts[group.name]
    for group in groups
    if group.name in counts
  }


def shapes(
  found: coupling.Found, groups: Iterable[coupling.Group], kept: Kept
) -> dict[tuple[str, ...], tuple[int, ...]]:
  """Returns the shapes of the variables that are left.

  Args:
    found: The network, followed.
    groups: Groups of it.
    kept: Name of a group -> booleans [units].
  """
  left = {
    path: list(leaf.shape) for path, leaf in found.traced.variables.items()
  }
  for group in groups:
    if group.name in kept:
      for member in group.members:
        cut = int((~member.where(kept[group.name])).sum())
        left[tuple(member.path.split('/'))][member.axis] -= cut
  return {path: tuple(shape) for path, shape in left.items()}


def narrow(
  net: linen.Module,
  found: coupling.Found,
  groups: Sequence[coupling.Group],
  kept: Kept,
) -> narrowed.Narrowed:
  """Returns the module that has these units left.

  Args:
    net: The network.
    found: What following it gave.
    groups: Groups of it.
    kept: Name of a group -> booleans [units].

  Raises:
    UserError: A module of it cannot be built with so many, or does something
      else then.
  """
  cut = [g for g in groups if g.name in kept and not np.all(kept[g.name])]
  there = shapes(found, cut, kept)
  try:
    return _built(net, found, cut, kept, there, told=False)
  except errors.UserError as error:
    # Blocks that divide their channels go by those of the whole network,
    # others that reshape by them by what is left.
    try:
      return _built(net, found, cut, kept, there, told=True)
    except errors.UserError:
      raise error from None


def _built(net, found, cut, kept, there, told):
  sizes = dict(net.sizes) if isinstance(net, narrowed.Narrowed) else {}
  gone = _gone(found, cut, kept)
  left = {
    path: _expected(found, axes, gone)[-1]
    for path, axes in found.walk.normalised.items()
  }
  for path, seen in found.traced.modules.items():
    before = dict(sizes.get(path, ()))
    fields = _lent(path, seen, there, left, cut, kept, before)
    if told and isinstance(fields.get('features'), narrowed.Told):
      width = _width_left(path, fields['features'].channels, found, there)
      fields['features'] = fields['features']._replace(channels=width)
    if fields:
      sizes[path] = tuple(fields.items())
  made = (
    dataclasses.replace(net, sizes=tuple(sizes.items()))
    if isinstance(net, narrowed.Narrowed)
    else narrowed.Narrowed(net, tuple(sizes.items()))
  )
  _check(made, found, cut, gone, there)
  return made


def _width_left(path, width, found, there):
  """The channels that a block's first layer of as many has left."""
  prefix = f'{path}/' if path else ''
  for below in found.traced.modules:
    at = ('params', *below.split('/'), 'kernel')
    if not below.startswith(prefix) or at not in there:
      continue
    if found.traced.variables[at].shape[-1] == width:
      return there[at][-1]
  return width


def _lent(path, seen, there, normalised_left, cut, kept, before):
  """The fields that a module is lent: layers, attention, blocks."""
  module = seen.module
  at = ('params', *(path.split('/') if path else ()))
  if normalised.is_last(module):
    known = before.get(narrowed.WHOLE, seen.channels)
    fewer = normalised_left.get(path, known) < known
    return {narrowed.WHOLE: known} if fewer else {}
  if isinstance(module, _LAYERS):
    name = 'embedding' if isinstance(module, linen.Embed) else 'kernel'
    shape = there.get((*at, name))
    return {} if shape is None else _layer(module, shape)
  fields = {}
  for field in _HEADS:
    number = before.get(field, getattr(module, field, None))
    if number and cut:
      kept_heads = _heads_left('/'.join(at) + '/', number, cut, kept)
      fields[field] = kept_heads
      fields |= _widths(module, field, number, kept_heads, seen, before)
  width = getattr(module, 'features', None)
  if type(width) is int and seen.channels and 'features' not in before:
    width = width or seen.channels
    fields['features'] = narrowed.Told(width, width == seen.channels)
  return {**before, **fields}


def _heads_left(under, number, cut, kept):
  """How many of a module's heads are left."""
  for group in cut:
    inside = any(member.path.startswith(under) for member in group.members)
    if group.kind == 'heads' and inside and number % group.size == 0:
      return number // group.size * int(np.sum(kept[group.name]))
  return number


def _layer(module, shape):
  features = module.features
  if not isinstance(features, int):
    return {'features': shape[-len(features) :]}
  fields: dict[str, Any] = {'features': shape[-1]}
  if isinstance(module, linen.Conv) and module.feature_group_count != 1:
    fields['feature_group_count'] = narrowed.Each(shape[-2])
  return fields


def _widths(module, field, number, left, seen, before):
  """What else an attention derives from its number of heads."""
  if field == 'heads' and hasattr(module, 'head_dim'):
    known = before.get('head_dim', module.head_dim)
    return {'head_dim': known or seen.channels // number}
  if field == 'num_heads' and hasattr(module, 'qkv_features'):
    whole = before.get('qkv_features', module.qkv_features) or seen.channels
    return {'qkv_features': whole // number * left}
  return {}


def _check(made, found, cut, gone, there):
  """Compares the smaller network's program with the one that it must have."""
  whole = found.traced
  x = jaxprs.read(whole.jaxpr).inputs[-1].aval
  try:
    got = tracing.trace(made, x.shape[1:], x.dtype)
  except Exception as error:
    line = next(iter(str(error).splitlines()), type(error).__name__)
    raise _refused(cut, f'cannot be built: {line}') from error
  for path in {**there, **got.variables}:
    made_here = getattr(got.variables.get(path), 'shape', None)
    if made_here != there.get(path):
      raise _refused(
        cut,
        f'would have {"/".join(path)} of shape {made_here} where '
        f'{there.get(path)} is left',
      )
  operations = tracing.operations(got.jaxpr)
  same = len(operations) == len(found.walk.steps)
  for step, operation in zip(found.walk.steps, operations, strict=False):
    expected = [_expected(found, axes, gone) for axes in step.outs]
    same &= step.primitive == operation.primitive
    same &= step.literals == operation.literals
    fits = all(
      len(a) == len(b)
      and all(n in (None, m) for n, m in zip(a, b, strict=True))
      for a, b in zip(expected, operation.shapes, strict=False)
    )
    if not same or not fits:
      raise _refused(
        cut,
        f'would compute something else, {operation.primitive} to '
        f'{operation.shapes} where {step.primitive} to {expected} stands, at '
        f'{step.where or "the top"}',
      )
  if not same:
    raise _refused(cut, 'would compute something else at its end')


def _gone(found, cut, kept):
  """The atoms that are cut."""
  gone: set[int] = set()
  for group in cut:
    member = group.members[0]
    axes = found.variables[tuple(member.path.split('/'))]
    roots = found.walk.atoms.roots(axes.units[member.axis,])
    gone |= set(roots[~member.where(kept[group.name])].tolist())
  return gone


def _expected(found, axes, gone):
  """The shape of an array without what is cut; None for any length."""
  shape: list[int | None] = list(axes.shape)
  for axis in range(len(shape)):
    key = axes.key(axis)
    if key == (axis,):
      roots = found.walk.atoms.roots(axes.units[key])
      shape[axis] = sum(root not in gone for root in roots.tolist())
    elif key or axes.is_free(axis):
      shape[axis] = None
  return shape


def _refused(cut, why):
  names = ', '.join(group.name for group in cut[:3])
  more = f' and {len(cut) - 3} more' if len(cut) > 3 else ''
  return errors.UserError(f'the network without units of {names}{more} {why}')
