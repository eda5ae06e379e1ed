"""Sparse training: weights die and others grow, as many of each."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effnas import errors
from effnas.compress.pruning import (
  kernels,
  masks,
  ranking,
  selection,
  transform,
)

GROWN_BY = ('rigl', 'set')


@dataclasses.dataclass(frozen=True)
class Regrow:
  """The method of `regrow`.

  Attributes:
    selection: How many live in each kernel, and in which kernels.
    kind: 'rigl' or 'set'.
    every: Steps from change to change.
    end: Steps after which nothing changes.
    fraction: Of a kernel's living weights that change at first.
    seed: Of the first masks, and of what 'set' grows.
  """

  selection: selection.Selection
  kind: str
  every: int
  end: int
  fraction: float
  seed: int

  def start(self, params: Any) -> tuple[masks.Flat, Any]:
    """Returns random masks."""
    weights = self.selection.kernels.select(params)
    return self.selection.choose(self._random(weights, jnp.int32(0))), ()

  def due(self, taken):
    """Each `every` steps before `end`."""
    return (taken % self.every == 0) & (taken < self.end)

  def observe(self, memory, weights, grads):
    """Keeps nothing."""
    del weights, grads
    return memory

  def renew(self, masks, memory, weights, grads, taken):
    """Exchanges the smallest living weights of each kernel."""
    if self.kind == 'rigl':
      wanted = {path: jnp.abs(grad) for path, grad in grads.items()}
    else:
      wanted = self._random(weights, taken)
    found = {}
    for (path,), dead in self.selection.groups(weights):
      living = weights[path].size - dead
      changed = jnp.round(fraction(taken, self.end, self.fraction) * living)
      changed = jnp.clip(changed.astype(jnp.int32), 0, living)
      size = jnp.where(masks[path], jnp.abs(weights[path]), -jnp.inf)
      kept = _highest(size, living - changed)
      grown = _highest(jnp.where(kept, -jnp.inf, wanted[path]), changed)
      found[path] = kept | grown
    return found, memory

  def _random(self, weights, taken):
    key = jax.random.fold_in(jax.random.key(self.seed), taken)
    return {
      path: jax.random.uniform(jax.random.fold_in(key, i), jnp.shape(weight))
      for i, (path, weight) in enumerate(weights.items())
    }


def _highest(scores, count):
  """Returns where the `count` highest scores are; the first of equal ones."""
  found = ranking.lowest(-scores.reshape(1, -1), count)
  return found.reshape(scores.shape)


def fraction(taken: Any, end: int, initial: float) -> jax.Array:
  """Returns the share of the living weights that change: half a cosine.

  Args:
    taken: Steps taken.
    end: Steps at which it reaches zero.
    initial: Share at step 0.

  Returns:
    A float32 scalar.

  Example:
    >>> [round(float(fraction(t, 100, 0.3)), 3) for t in (0, 50, 100)]
    [0.3, 0.15, 0.0]
  """
  done = jnp.clip(jnp.asarray(taken, jnp.float32) / end, 0, 1)
  return initial / 2 * (1 + jnp.cos(jnp.pi * done))


def regrow(
  optimizer: optax.GradientTransformation,
  sparsity: float,
  *,
  every: int,
  end: int,
  kind: str = 'rigl',
  fraction: float = 0.3,
  budget: str = 'erk',
  kernels: kernels.Kernels = kernels.DEFAULT,
  seed: int = 0,
) -> optax.GradientTransformationExtraArgs:
  """Makes an optimiser that trains sparse from the first step to the last.

  Each `every` steps, in each kernel, the smallest living weights die and as
  many of the dead grow, from zero: those with the largest gradients ('rigl')
  or any ('set'). One that has just died may grow again, and then keeps its
  value. Magnitudes are those after the step, gradients those of its batch.

  Args:
    optimizer: Any optax optimiser.
    sparsity: Share of the selected kernels' weights that are zero throughout.
    every: Steps from change to change.
    end: Steps after which the masks stay; the papers take 3/4 of the training.
    kind: 'rigl' or 'set'.
    fraction: Of the living weights that change at first; falls by a cosine to
      zero at `end`.
    budget: 'erk' or 'uniform', see `selection.Selection`.
    kernels: Which kernels are sparse.
    seed: Of all that is random.

  Returns:
    An optax optimiser. Parameters that are not masked yet are after its first
    step; `masks.apply(params, state.masks)` does it before.

  Raises:
    UserError: A setting that is none, or does not go with the parameters.

  Reference:
    Mocanu et al., 2018, Scalable Training of Artificial Neural Networks with
    Adaptive Sparse Connectivity, https://arxiv.org/abs/1707.04780 (SET); Evci
    et al., 2020, Rigging the Lottery, https://arxiv.org/abs/1911.11134 (RigL)

  Example:
    >>> params = {'kernel': jnp.ones((10, 10))}
    >>> tx = regrow(optax.sgd(0.1), 0.9, every=10, end=100)
    >>> int(tx.init(params).masks['kernel'].sum())
    10
  """
  if kind not in GROWN_BY:
    raise errors.unknown('kind of regrowth', kind, GROWN_BY)
  if budget == 'global':
    raise errors.UserError(
      "sparse training holds a kernel's number of weights: budget is 'erk' or "
      "'uniform'; got 'global'"
    )
  for name, value in (('every', every), ('end', end)):
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
      raise errors.UserError(f'{name} is a number of steps; got {value!r}')
  if not 0 < fraction <= 1:
    raise errors.UserError(
      f'fraction is of the living weights, above 0 to 1; got {fraction!r}'
    )
  chosen = selection.Selection(sparsity, budget, kernels=kernels)
  method = Regrow(chosen, kind, every, end, fraction, seed)
  return transform.wrap(optimizer, method)
