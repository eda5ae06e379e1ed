"""From scores to masks: the lowest units of each group die."""

from collections.abc import Mapping
import dataclasses
import math
from typing import Any, NamedTuple

import jax.numpy as jnp

from effnas import errors
from effnas.compress.pruning import budgets, masks, patterns, ranking
from effnas.compress.pruning import kernels as kernels_lib


class Group(NamedTuple):
  """Kernels whose units are compared.

  Attributes:
    paths: Of the kernels.
    pruned: Units that die in each row.
  """

  paths: tuple[str, ...]
  pruned: int


@dataclasses.dataclass(frozen=True)
class Selection:
  """How many weights die, in which pattern, and among which.

  Attributes:
    sparsity: Share of the selected kernels' weights that die, 0 to less than
      1; for N:M it is 1 - n / m.
    budget: 'uniform' (each kernel alike), 'erk' (see `budgets.erk`) or
      'global' (the lowest scores of all kernels, which may empty one).
    pattern: `patterns.Unstructured`, `NM` or `Block`.
    kernels: Which kernels.
  """

  sparsity: float
  budget: str = 'uniform'
  pattern: patterns.Pattern = patterns.DEFAULT
  kernels: kernels_lib.Kernels = kernels_lib.DEFAULT

  def __post_init__(self):
    """Checks what no kernel is needed for."""
    budgets.check(self.sparsity)
    if self.budget not in list(budgets.BUDGETS):
      raise errors.unknown('budget', self.budget, budgets.BUDGETS)
    if not isinstance(self.pattern, patterns.NM):
      return
    n, m = self.pattern.n, self.pattern.m
    if self.budget != 'uniform' or not math.isclose(self.sparsity, 1 - n / m):
      raise errors.UserError(
        f'{n}:{m} is a uniform sparsity of {1 - n / m:g}; got '
        f'{self.budget} {self.sparsity:g}'
      )

  def groups(self, weights: Mapping[str, Any]) -> tuple[Group, ...]:
    """Returns the groups for kernels [.., I, O] by path.

    Raises:
      UserError: The pattern does not fill a kernel.
    """
    shapes = {path: jnp.shape(weight) for path, weight in weights.items()}
    for path, shape in shapes.items():
      self.pattern.check(path, shape)
    if isinstance(self.pattern, patterns.NM):
      dead = self.pattern.m - self.pattern.n
      return tuple(Group((path,), dead) for path in shapes)
    units = {
      path: math.prod(shape) // self.pattern.weights
      for path, shape in shapes.items()
    }
    if self.budget == 'global':
      one = budgets.counts({'': sum(units.values())}, {'': 1 - self.sparsity})
      return (Group(tuple(shapes), one['']),)
    share = {'uniform': budgets.uniform, 'erk': budgets.erk}[self.budget]
    pruned = budgets.counts(units, share(shapes, self.sparsity))
    return tuple(Group((path,), pruned[path]) for path in shapes)

  def living(self, weights: Mapping[str, Any]) -> dict[str, int]:
    """Returns how many weights of each kernel live in the end.

    Args:
      weights: Path -> kernel, or its shape as `jax.ShapeDtypeStruct`.

    Raises:
      UserError: The pattern does not fill a kernel, or the scores decide.

    Example:
      >>> Selection(0.75).living({'kernel': jnp.ones((10, 10))})
      {'kernel': 25}
    """
    if self.budget == 'global':
      raise errors.UserError(
        "scores share a 'global' budget out; take 'uniform' or 'erk'"
      )
    found = {}
    for (path,), pruned in self.groups(weights):
      size, pattern = math.prod(jnp.shape(weights[path])), self.pattern
      rows = size // pattern.m if isinstance(pattern, patterns.NM) else 1
      found[path] = size - rows * pruned * pattern.weights
    return found

  def choose(
    self,
    scores: masks.Flat,
    share: Any = 1.0,
    alive: masks.Flat | None = None,
  ) -> masks.Flat:
    """Returns the masks for scores; every number may be traced.

    Of equal scores those that stand first in the array die first.

    Args:
      scores: Path -> scores of the kernel.
      share: Of the pruned units that die by now, 0 to 1.
      alive: Masks so far: what is dead stays dead. None is all alive.

    Returns:
      Path -> mask.
    """
    if alive is not None:
      scores = {p: jnp.where(alive[p], s, -jnp.inf) for p, s in scores.items()}
    found = {}
    for paths, pruned in self.groups(scores):
      tables = [self.pattern.units(scores[path]) for path in paths]
      units = jnp.concatenate(tables, axis=1)
      # Floats are not exact above 2^24.
      dying = jnp.where(
        jnp.asarray(share) < 1, jnp.round(share * pruned), pruned
      ).astype(jnp.int32)
      living = ~ranking.lowest(units, dying)
      start = 0
      for path, table in zip(paths, tables, strict=True):
        part = living[:, start : start + table.shape[1]]
        found[path] = self.pattern.mask(part, scores[path].shape)
        start += table.shape[1]
    return found


def full(weights: masks.Flat) -> masks.Flat:
  """Returns masks that prune nothing."""
  return {p: jnp.ones(jnp.shape(w), bool) for p, w in weights.items()}


def magnitude(weights: masks.Flat) -> masks.Flat:
  """Returns the scores of magnitude pruning, in float32."""
  return {p: jnp.abs(w.astype(jnp.float32)) for p, w in weights.items()}


def select(params: Any, sparsity: float, scores: Any = None, **settings: Any):
  """Returns masks for parameters as they are, without training.

  Args:
    params: A pytree of arrays.
    sparsity: See `Selection`.
    scores: The same tree of scores (see `criteria.estimate`); None is the
      magnitude.
    **settings: Fields of `Selection`.

  Returns:
    Path -> mask, for `masks.apply` and `transform.hold`.

  Raises:
    UserError: See `Selection` and `kernels.Kernels`.

  Example:
    >>> params = {'kernel': jnp.arange(10.).reshape(5, 2), 'bias': jnp.ones(2)}
    >>> found = select(params, 0.6)
    >>> masks.apply(params, found)['kernel'].tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [6.0, 7.0], [8.0, 9.0]]
  """
  selection = Selection(sparsity, **settings)
  weights = selection.kernels.select(params)
  if scores is None:
    return selection.choose(magnitude(weights))
  return selection.choose(masks.pick(scores, weights))
