"""Which units stay: by a sparsity, for each group or over all.

Reference:
  Li et al., 2017, https://arxiv.org/abs/1608.08710 (a share of each layer); Liu
  et al., 2017, Learning Efficient Convolutional Networks through Network
  Slimming, https://arxiv.org/abs/1708.06519 (one threshold over all layers)
"""

from collections.abc import Mapping, Sequence
import fnmatch

import numpy as np

from effnas import errors
from effnas.compress.structured import coupling

_SCOPES = ('group', 'global')


def counts(
  groups: Sequence[coupling.Group],
  sparsity: float,
  round_to: int = 1,
  least: int = 1,
  leave: Sequence[str] = (),
) -> dict[str, int]:
  """Returns how many units each group keeps when all lose an equal share.

  Args:
    groups: Groups.
    sparsity: Share of the units that goes, in [0, 1).
    round_to: Units to keep are the nearest multiple of it, where the group has
      so many.
    least: Units that a group keeps in any case, where it has so many.
    leave: Shell patterns on the names of groups that stay whole.

  Returns:
    Name -> units to keep, of all groups.

  Raises:
    UserError: A sparsity outside of [0, 1), a rounding or a least number below
      1, or a pattern for no group.

  Example:
    >>> counts([coupling.Group('a', 20, ()), coupling.Group('b', 6, ())], .5, 8)
    {'a': 8, 'b': 6}
  """
  whole = _whole(groups, sparsity, round_to, least, leave)
  return {
    group.name: group.size
    if group.name in whole
    else _rounded((1 - sparsity) * group.size, group.size, round_to, least)
    for group in groups
  }


def select(
  groups: Sequence[coupling.Group],
  scores: Mapping[str, np.ndarray],
  sparsity: float,
  scope: str = 'group',
  round_to: int = 1,
  least: int = 1,
  leave: Sequence[str] = (),
) -> dict[str, np.ndarray]:
  """Keeps the units of the highest scores.

  Args:
    groups: Groups.
    scores: Name of a group -> importance of its units, see `scores`.
    sparsity: Share of the units that goes, in [0, 1).
    scope: 'group', each loses this share; 'global', the lowest scores of all.
    round_to: As in `counts`.
    least: As in `counts`.
    leave: As in `counts`. Their units do not count to the share.

  Returns:
    Name -> booleans [units], of all groups.

  Raises:
    UserError: As `counts`; scores that a group lacks, of another size, or that
      are not finite; an unknown scope.

  Example:
    >>> groups = [coupling.Group('a', 4, ()), coupling.Group('b', 4, ())]
    >>> scores = {'a': np.arange(4.), 'b': np.arange(4.) + 3}
    >>> kept = select(groups, scores, .5, 'global')
    >>> {name: where.tolist() for name, where in kept.items()}
    {'a': [False, False, False, True], 'b': [False, True, True, True]}
  """
  if scope not in _SCOPES:
    raise errors.unknown('scope', scope, _SCOPES)
  whole = _whole(groups, sparsity, round_to, least, leave)
  for group in groups:
    given = np.asarray(scores.get(group.name, ()))
    if group.name not in whole and given.shape != (group.size,):
      raise errors.UserError(
        f'{group.name} takes scores [{group.size}]; got {list(given.shape)}'
      )
    if not np.isfinite(given).all():
      raise errors.UserError(f'scores of {group.name} are not finite')
  if scope == 'group':
    number = counts(groups, sparsity, round_to, least, leave)
  else:
    number = _global(groups, scores, sparsity, round_to, least, whole)
  kept = {}
  for group in groups:
    if group.name in whole:
      kept[group.name] = np.ones(group.size, bool)
      continue
    order = np.argsort(-np.asarray(scores[group.name]), kind='stable')
    kept[group.name] = np.zeros(group.size, bool)
    kept[group.name][order[: number[group.name]]] = True
  return kept


def _global(groups, scores, sparsity, round_to, least, whole):
  of = [group for group in groups if group.name not in whole]
  owners = np.repeat(np.arange(len(of)), [group.size for group in of])
  every = np.concatenate(
    [_protected(scores[group.name], least) for group in of] or [[]]
  )
  gone = np.argsort(every, kind='stable')[: int(sparsity * len(every))]
  lost = np.bincount(owners[gone], minlength=len(of))
  return {
    group.name: _rounded(group.size - n, group.size, round_to, least)
    for group, n in zip(of, lost, strict=True)
  }


def _protected(scores, least):
  """The scores, the best few of which are beyond any threshold."""
  scores = np.array(scores, np.float64)
  scores[np.argsort(-scores, kind='stable')[:least]] = np.inf
  return scores


def _rounded(number, size, round_to, least):
  if size < round_to:
    return size
  nearest = max(1, int(number / round_to + 0.5)) * round_to
  return int(min(size, max(nearest, least)))


def _whole(groups, sparsity, round_to, least, leave):
  """Checks the arguments; returns the names of groups that are left alone."""
  if not 0 <= sparsity < 1:
    raise errors.UserError(f'a sparsity is in [0, 1); got {sparsity}')
  for name, value in (('round_to', round_to), ('least', least)):
    if value < 1:
      raise errors.UserError(f'{name} is at least 1; got {value}')
  names = [group.name for group in groups]
  found = set()
  for pattern in leave:
    matching = fnmatch.filter(names, pattern)
    if not matching:
      raise errors.unknown('group', pattern, names)
    found.update(matching)
  return found
