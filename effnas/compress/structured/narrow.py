"""Cutting units: masks in the whole network, or a smaller one without them.

Reference:
  Li et al., 2017, Pruning Filters for Efficient ConvNets,
  https://arxiv.org/abs/1608.08710
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flax import linen, traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.compress.structured import coupling, narrowed, sizing
from effnas.nn import rewrite

Kept = Mapping[str, Any]


def masks(
  params: Mapping[str, Any], groups: Iterable[coupling.Group], kept: Kept
) -> dict[str, Any]:
  """Returns where the parameters of kept units stand.

  A mask covers whatever is coupled: scale and shift of the normalisation and
  the weights of the next layers that read the unit, too.

  Args:
    params: Parameters of the whole network, or their shapes.
    groups: Its groups.
    kept: Name of a group -> booleans [units]; other groups are kept whole.

  Returns:
    A tree as the parameters, of boolean arrays that broadcast against them.

  Example:
    >>> group = coupling.Group('a', 2, (
    ...   coupling.Member('params/a/kernel', 1, (0, 1)),))
    >>> params = {'a': {'kernel': jnp.ones((3, 2))}}
    >>> masks(params, [group], {'a': [True, False]})
    {'a': {'kernel': array([[ True, False]])}}
  """
  flat = traverse_util.flatten_dict(dict(params))
  found = {path: np.ones((1,) * leaf.ndim, bool) for path, leaf in flat.items()}
  for (collection, *rest), axes in _cuts(groups, kept).items():
    path = tuple(rest)
    if collection != 'params':
      continue
    if path not in found:
      raise errors.UserError(
        f'a group has {"/".join(path)}, which the parameters lack'
      )
    for axis, where in axes.items():
      shape = [-1 if a == axis else 1 for a in range(flat[path].ndim)]
      found[path] = found[path] & where.reshape(shape)
  return traverse_util.unflatten_dict(found)


def mask(
  variables: Mapping[str, Any], groups: Iterable[coupling.Group], kept: Kept
) -> dict[str, Any]:
  """Sets the parameters of units that are not kept to zero.

  Args:
    variables: Of the whole network.
    groups: Its groups.
    kept: Name of a group -> booleans [units].

  Returns:
    The variables; their network's output at inference is that of the smaller
    network that `remove` gives.
  """
  where = masks(variables['params'], groups, kept)
  cut = jax.tree.map(
    lambda leaf, keep: jnp.where(keep, leaf, 0),
    dict(variables['params']),
    where,
  )
  return {**variables, 'params': cut}


def remove(
  net: linen.Module,
  variables: Mapping[str, Any],
  groups: Sequence[coupling.Group],
  kept: Kept,
  input_shape: Sequence[int],
  dtype: Any = np.float32,
) -> tuple[narrowed.Narrowed, dict[str, Any]]:
  """Takes units out of a network.

  Args:
    net: The whole network, not under a `Rewritten`.
    variables: Its variables.
    groups: Its groups.
    kept: Name of a group -> booleans [units]; other groups are kept whole.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    The smaller network, which has the paths of the whole one, and its
    variables. Its output at inference is that of the network under `mask`.

  Raises:
    UserError: No unit of a group is kept, or the network cannot be built with
      so many.

  Example:
    >>> from effnas.compress.structured import finding
    >>> net = linen.Sequential([linen.Dense(3), linen.relu, linen.Dense(2)])
    >>> variables = net.init(jax.random.key(0), jnp.ones((1, 4)))
    >>> found = finding.groups(net, (4,))
    >>> kept = {'layers_0': [True, False, True]}
    >>> small, few = remove(net, variables, found, kept, (4,))
    >>> few['params']['layers_0']['kernel'].shape
    (4, 2)
    >>> small.apply(few, jnp.ones((1, 4))).shape
    (1, 2)
  """
  cuts = _cuts(groups, kept)
  found = coupling.find(net, input_shape, dtype)
  arrays = {name: np.asarray(units) for name, units in kept.items()}
  small = sizing.narrow(net, found, groups, arrays)
  flat = traverse_util.flatten_dict(dict(variables))
  for path, axes in cuts.items():
    for axis, where in axes.items():
      flat[path] = flat[path].take(np.flatnonzero(where), axis)
  return small, traverse_util.unflatten_dict(flat)


def shrink(
  net: linen.Module,
  groups: Sequence[coupling.Group],
  counts: Mapping[str, int],
  input_shape: Sequence[int],
  dtype: Any = np.float32,
) -> tuple[narrowed.Narrowed, dict[str, Any]]:
  """Returns the network of given numbers of units, and its shapes.

  What is left has one footprint whichever units are kept, so that it is known
  before there are any variables.

  Args:
    net: The whole network.
    groups: Its groups.
    counts: Name of a group -> units to keep, as `selection.counts` gives them.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    The smaller network, and the shapes of its variables.

  Raises:
    UserError: A count below 1 or above a group's size, or the network cannot be
      built with so many.

  Example:
    >>> from effnas.compress.structured import finding
    >>> net = linen.Sequential([linen.Dense(3), linen.relu, linen.Dense(2)])
    >>> found = finding.groups(net, (4,))
    >>> small, shapes = shrink(net, found, {'layers_0': 1}, (4,))
    >>> shapes['params']['layers_2']['kernel'].shape
    (1, 2)
  """
  sizes = {group.name: group.size for group in groups}
  for name, count in counts.items():
    if name not in sizes:
      raise errors.unknown('group', name, sizes)
    if not 1 <= count <= sizes[name]:
      raise errors.UserError(
        f'{name} has 1 to {sizes[name]} units to keep; got {count}'
      )
  found = coupling.find(net, input_shape, dtype)
  small = sizing.narrow(net, found, groups, sizing.first(groups, counts))
  return small, rewrite.abstract_variables(small, input_shape, dtype)


def _cuts(groups, kept):
  """Returns for each variable that is cut: axis -> positions that stay."""
  by_name = {group.name: group for group in groups}
  found: dict[tuple[str, ...], dict[int, np.ndarray]] = {}
  for name, given in kept.items():
    if name not in by_name:
      raise errors.unknown('group', name, by_name)
    group, units = by_name[name], np.asarray(given)
    if units.shape != (group.size,) or units.dtype != bool:
      raise errors.UserError(
        f'{name} takes booleans [{group.size}]; got {units.dtype} '
        f'{list(units.shape)}'
      )
    if not units.any():
      raise errors.UserError(f'at least one unit of {name} is kept; got none')
    for member in () if units.all() else group.members:
      axes = found.setdefault(tuple(member.path.split('/')), {})
      where = member.where(units)
      axes[member.axis] = axes.get(member.axis, True) & where
  return found
