"""Ranks of factored layers by the energy they keep, or by a budget.

Energy is the share of a kernel's squared norm. Of a dense layer or a 1x1
convolution it is known exactly by its singular values; of a convolution with a
window the tails of both its unfoldings together bound what is lost, and the
kernel keeps at least as much as is said here.

Reference:
  De Lathauwer et al., "A multilinear singular value decomposition", SIAM
  Journal on Matrix Analysis and Applications 21, 2000 (the bound)
"""

from collections.abc import Mapping, Sequence
import itertools
import math
from typing import Any, NamedTuple

from flax import linen
import numpy as np

from effnas import errors
from effnas.compress.lowrank import factored, factors, grown
from effnas.nn import paths

# What is left of an energy of zero by singular values in float32.
_ROUNDING = 1e-12


class Options(NamedTuple):
  """Ways to factor a layer, and to leave it whole as the last.

  Attributes:
    params: int [n], parameters of the kernels.
    lost: float [n], the most of the energy that is lost.
    ranks: Of each way; None is the whole layer.
  """

  params: np.ndarray
  lost: np.ndarray
  ranks: list[factored.Rank | None]


def by_energy(
  model: linen.Module,
  variables: Mapping[str, Any],
  energy: float,
  input_shape: Sequence[int],
  pattern: str = '*',
  dtype: Any = np.float32,
) -> tuple[factored.Factored, ...]:
  """Chooses for each layer the fewest parameters that keep some energy.

  Args:
    model: A Linen module.
    variables: Its variables.
    energy: Share of the squared norm of each kernel that is kept, in (0, 1].
    input_shape: Of one example, without the batch.
    pattern: On the paths of the layers to factor.
    dtype: Of the inputs.

  Returns:
    A rule for each layer that becomes smaller so; the others stay whole.

  Raises:
    UserError: An energy outside of (0, 1], or a pattern for no layer.

  Example:
    >>> kernel = np.diag([3., 1., .1, .1, 0., 0., 0., 0.])
    >>> variables = {'params': {'kernel': kernel}}
    >>> by_energy(linen.Dense(8), variables, .99, (8,))
    (Factored(pattern='', rank=2),)
  """
  if not 0 < energy <= 1:
    raise errors.UserError(f'an energy to keep is in (0, 1]; got {energy}')
  rules = []
  layers = options(model, variables, input_shape, pattern, dtype)
  for path, ways in layers.items():
    enough = np.flatnonzero(ways.lost <= 1 - energy)
    best = enough[np.lexsort((ways.lost[enough], ways.params[enough]))[0]]
    if ways.params[best] < ways.params[-1]:
      rules.append(factored.Factored(path, ways.ranks[best]))
  return tuple(rules)


def by_budget(
  model: linen.Module,
  variables: Mapping[str, Any],
  share: float,
  input_shape: Sequence[int],
  pattern: str = '*',
  dtype: Any = np.float32,
) -> tuple[factored.Factored, ...]:
  """Shares a budget of parameters out among layers, to keep most energy.

  From rank 1 everywhere it goes on by the step, along the convex hull of each
  layer's ways, that wins most energy for a parameter, while the budget lasts.
  All layers count alike, so that one with very many parameters may be cut to
  little; leave it out by the pattern where it matters more than that.

  Args:
    model: A Linen module.
    variables: Its variables.
    share: Of the parameters of the kernels that the pattern names, in (0, 1].
    input_shape: Of one example, without the batch.
    pattern: On the paths of the layers to factor.
    dtype: Of the inputs.

  Returns:
    A rule for each layer that is not left whole; the factors have at most
    that share of the parameters.

  Raises:
    UserError: A share outside of (0, 1] or below what rank 1 takes, or a
      pattern for no layer.

  Example:
    >>> kernels = [np.eye(8), np.ones((8, 8))]
    >>> variables = {'params': {
    ...   f'layers_{i}': {'kernel': kernel} for i, kernel in enumerate(kernels)
    ... }}
    >>> model = linen.Sequential([linen.Dense(8), linen.Dense(8)])
    >>> by_budget(model, variables, .65, (8,))
    (Factored(pattern='layers_1', rank=1),)
  """
  if not 0 < share <= 1:
    raise errors.UserError(f'a share of parameters is in (0, 1]; got {share}')
  layers = options(model, variables, input_shape, pattern, dtype)
  all_params = sum(int(ways.params[-1]) for ways in layers.values())
  hulls = {path: _hull(ways) for path, ways in layers.items()}
  used = sum(int(layers[path].params[hull[0]]) for path, hull in hulls.items())
  budget = math.floor(share * all_params)
  if used > budget:
    least = math.ceil(100 * used / all_params) / 100
    raise errors.UserError(
      f'rank 1 everywhere takes {used} of {all_params} parameters; a share of '
      f'{share} is {budget}, take {least} or more'
    )
  chosen = {path: hull[0] for path, hull in hulls.items()}
  steps = []
  for path, hull in hulls.items():
    ways = layers[path]
    for here, there in itertools.pairwise(hull):
      cost = int(ways.params[there] - ways.params[here])
      steps.append(((ways.lost[here] - ways.lost[there]) / cost, path, there))
  full = set()
  for _, path, there in sorted(steps, key=lambda step: -step[0]):
    cost = int(layers[path].params[there] - layers[path].params[chosen[path]])
    if path in full or used + cost > budget:
      full.add(path)
      continue
    used, chosen[path] = used + cost, there
  ranks = {path: layers[path].ranks[i] for path, i in chosen.items()}
  return tuple(
    factored.Factored(path, rank)
    for path, rank in ranks.items()
    if rank is not None
  )


def options(
  model: linen.Module,
  variables: Mapping[str, Any],
  input_shape: Sequence[int],
  pattern: str = '*',
  dtype: Any = np.float32,
) -> dict[str, Options]:
  """Lists the ways to factor each layer, for a choice of one's own.

  Args:
    model: A Linen module.
    variables: Its variables.
    input_shape: Of one example, without the batch.
    pattern: On the paths of the layers.
    dtype: Of the inputs.

  Returns:
    Path of a layer -> its ways.

  Raises:
    UserError: A pattern for no layer.

  Example:
    >>> variables = {'params': {'kernel': np.diag([2., 1.])}}
    >>> ways = options(linen.Dense(2), variables, (2,))['']
    >>> ways.params.tolist(), ways.lost.round(3).tolist(), ways.ranks
    ([4, 8, 4], [0.2, 0.0, 0.0], [1, 2, None])
  """
  flat = paths.flatten(variables['params'])
  rule = factored.Factored(pattern)
  found = {}
  layers = grown.found(model, [rule], input_shape, dtype)
  for path, (_, layer) in layers.items():
    kernel = flat[f'{path}/kernel' if path else 'kernel']
    found[path] = _options(kernel, factored.windowed(layer))
  return found


def _options(kernel, windowed):
  *window, inputs, outputs = kernel.shape
  lost = [_lost(values) for values in factors.spectra(kernel)]
  size = math.prod(window)
  if windowed:
    r = np.arange(1, len(lost[0]) + 1)[:, None]
    s = np.arange(1, len(lost[1]) + 1)
    params = inputs * r + size * r * s + s * outputs
    share = lost[0][:, None] + lost[1]
    ranks: list[Any] = [(int(i), int(j)) for i in r[:, 0] for j in s]
  else:
    r = np.arange(1, len(lost[0]) + 1)
    params, share, ranks = (inputs + outputs) * r, lost[0], r.tolist()
  return Options(
    np.append(params.ravel(), size * inputs * outputs),
    np.append(share.ravel(), 0.0),
    [*ranks, None],
  )


def _lost(values):
  """Share of the energy behind each rank from 1 on."""
  squares = np.asarray(values, np.float64) ** 2
  behind = np.append(np.cumsum(squares[::-1])[::-1][1:], 0.0)
  share = behind / max(squares.sum(), np.finfo(np.float64).tiny)
  return np.where(share > _ROUNDING, share, 0.0)


def _hull(ways):
  """The ways on the lower convex hull, from the fewest parameters on."""
  hull: list[int] = []
  for i in np.lexsort((ways.lost, ways.params)):
    if ways.params[i] > ways.params[-1]:
      break
    if hull and ways.lost[i] >= ways.lost[hull[-1]]:
      continue
    while len(hull) > 1 and _slope(ways, hull[-2], i) <= _slope(
      ways, hull[-2], hull[-1]
    ):
      hull.pop()
    hull.append(int(i))
  return hull


def _slope(ways, here, there):
  """Energy lost for each parameter more; below zero."""
  change = ways.lost[there] - ways.lost[here]
  return change / (ways.params[there] - ways.params[here])
