"""How much each unit of a group matters.

All functions return numbers for each group, the higher the more a unit matters,
as `selection.select` takes them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.compress.structured import coupling
from effnas.nn import paths

Scores = dict[str, np.ndarray]


def magnitude(
  params: Mapping[str, Any],
  groups: Iterable[coupling.Group],
  order: int = 1,
) -> Scores:
  """Returns the mean size of the weights that stand or fall with each unit.

  Args:
    params: Parameters of the whole network.
    groups: Its groups.
    order: 1, mean of absolute values; 2, root of the mean of squares.

  Raises:
    UserError: Another order.

  Reference:
    Li et al., 2017, https://arxiv.org/abs/1608.08710 (of the filters); Fang et
    al., 2023, https://arxiv.org/abs/2301.12900 (of all that is coupled)

  Example:
    >>> group = coupling.Group('a', 2, (
    ...   coupling.Member('params/a/kernel', 1, (0, 1)),))
    >>> params = {'a': {'kernel': jnp.array([[1., 3.], [-3., 3.]])}}
    >>> magnitude(params, [group])['a'].tolist()
    [2.0, 3.0]
  """
  if order not in (1, 2):
    raise errors.UserError(f'magnitude has order 1 or 2; got {order}')
  flat = _flat(params)
  found = {}
  for group in groups:
    total, number = np.zeros(group.size), np.zeros(group.size)
    for member, array in _weights(flat, group):
      powers = jnp.abs(array) ** order
      total += _per_unit(member, group.size, powers)
      number += _per_unit(member, group.size, jnp.ones_like(powers))
    found[group.name] = (total / np.maximum(number, 1)) ** (1 / order)
  return found


def norm_scale(
  params: Mapping[str, Any], groups: Iterable[coupling.Group]
) -> Scores:
  """Returns the size of the normalisation's scale of each unit.

  Args:
    params: Parameters of a network that was trained with a penalty on its
      scales.
    groups: Its groups.

  Raises:
    UserError: A group has no normalisation.

  Reference:
    Liu et al., 2017, Network Slimming, https://arxiv.org/abs/1708.06519

  Example:
    >>> group = coupling.Group('a', 2, (
    ...   coupling.Member('params/norm/scale', 0, (0, 1)),))
    >>> params = {'norm': {'scale': jnp.array([1., -2.])}}
    >>> norm_scale(params, [group])['a'].tolist()
    [1.0, 2.0]
  """
  flat = _flat(params)
  found = {}
  for group in groups:
    scales = [
      _per_unit(member, group.size, jnp.abs(array))
      for member, array in _weights(flat, group)
      if member.path.endswith('/scale') and array.ndim == 1
    ]
    if not scales:
      raise errors.UserError(
        f'{group.name} has no normalisation with a scale; score it otherwise'
      )
    found[group.name] = np.mean(scales, axis=0)
  return found


def taylor(
  params: Mapping[str, Any],
  gradients: Mapping[str, Any],
  groups: Iterable[coupling.Group],
) -> Scores:
  """Returns how much the loss would change without each unit, to first order.

  Args:
    params: Parameters of the whole network.
    gradients: Of the loss, a tree as the parameters; summed over batches.
    groups: Its groups.

  Returns:
    For each unit the sum, over the axes of variables that it stands on, of the
    squared sum of weight times gradient.

  Reference:
    Molchanov et al., 2019, Importance Estimation for Neural Network Pruning,
    https://arxiv.org/abs/1906.10771

  Example:
    >>> group = coupling.Group('a', 2, (
    ...   coupling.Member('params/a/kernel', 1, (0, 1)),))
    >>> params = {'a': {'kernel': jnp.array([[1., 3.], [2., 1.]])}}
    >>> slopes = {'a': {'kernel': jnp.array([[1., 0.], [1., -1.]])}}
    >>> taylor(params, slopes, [group])['a'].tolist()
    [9.0, 1.0]
  """
  flat, slopes = _flat(params), _flat(gradients)
  found = {}
  for group in groups:
    total = np.zeros(group.size)
    for member, array in _weights(flat, group):
      change = array * slopes[member.path]
      total += _per_unit(member, group.size, change) ** 2
    found[group.name] = total
  return found


def random(
  groups: Iterable[coupling.Group], rng: np.random.Generator
) -> Scores:
  """Returns uniform random numbers, the baseline of any criterion.

  Args:
    groups: Groups.
    rng: Where they come from.

  Example:
    >>> group = coupling.Group('a', 2, ())
    >>> random([group], np.random.default_rng(0))['a'].shape
    (2,)
  """
  return {group.name: rng.random(group.size) for group in groups}


def _flat(params):
  return paths.flatten({'params': dict(params)})


def _weights(flat, group) -> Iterator[tuple[coupling.Member, Any]]:
  for member in group.members:
    if member.path.startswith('params/'):
      yield member, flat[member.path]


def _per_unit(member, size, array):
  """Sums an array over all that belongs to a unit."""
  axes = tuple(axis for axis in range(array.ndim) if axis != member.axis)
  sums = np.asarray(array.sum(axes), np.float64)
  units = np.array(member.units)
  return np.bincount(units[units >= 0], sums[units >= 0], size)
