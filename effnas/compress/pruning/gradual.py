"""Pruning during training, by a criterion and a schedule."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effnas import errors
from effnas.compress.pruning import (
  criteria,
  kernels,
  masks,
  patterns,
  schedules,
  selection,
  transform,
)


@dataclasses.dataclass(frozen=True)
class Gradual:
  """The method of `prune`; what is dead stays dead.

  Attributes:
    selection: How many, in which pattern, among which.
    criterion: See `criteria.find`.
    schedule: When and how much.
    seed: Of the criterion 'random'.
  """

  selection: selection.Selection
  criterion: str
  schedule: schedules.Schedule
  seed: int

  def start(self, params: Any) -> tuple[masks.Flat, Any]:
    """Returns the masks before the first step.

    Raises:
      UserError: The criterion takes gradients, of which there is none yet.
    """
    criterion = criteria.find(self.criterion)
    weights = self.selection.kernels.select(params)
    self.selection.groups(weights)  # The pattern fits.
    alive = selection.full(weights)
    memory: Any = ()
    if criterion.observe is not None:
      zeros = {p: jnp.zeros(jnp.shape(w)) for p, w in weights.items()}
      memory = (jnp.int32(0), zeros)
    with jax.ensure_compile_time_eval():  # `init` may be compiled.
      at_once = self.schedule.due(jnp.int32(0)) and self._share(0)
    if not at_once:
      return alive, memory
    if criterion.observe is not None:
      raise errors.UserError(
        f'{self.criterion} takes gradients, and there is none before the first '
        'step: begin later, or hold masks from criteria.estimate'
      )
    return self.renew(alive, memory, weights, {}, jnp.int32(0))

  def due(self, taken):
    """See `transform.Method`."""
    return self.schedule.due(taken)

  def observe(self, memory, weights, grads):
    """See `transform.Method`."""
    one = criteria.find(self.criterion).observe
    if one is None:
      return memory
    seen, totals = memory
    # In float32, whatever the parameters' type.
    return seen + 1, {
      path: total
      + one(weights[path].astype(jnp.float32), grads[path].astype(jnp.float32))
      for path, total in totals.items()
    }

  def renew(self, masks, memory, weights, grads, taken):
    """See `transform.Method`."""
    del grads
    criterion = criteria.find(self.criterion)
    means = dict.fromkeys(weights)
    if criterion.observe is not None:
      seen, totals = memory
      means = {p: t / jnp.maximum(seen, 1) for p, t in totals.items()}
      if criterion.forgets:
        memory = jax.tree.map(jnp.zeros_like, memory)
    key = jax.random.fold_in(jax.random.key(self.seed), taken)
    scores = {
      path: criterion.score(
        weight.astype(jnp.float32), means[path], jax.random.fold_in(key, i)
      )
      for i, (path, weight) in enumerate(weights.items())
    }
    return self.selection.choose(scores, self._share(taken), masks), memory

  def _share(self, taken):
    target = self.selection.sparsity
    if not target:
      return 0.0
    return self.schedule.sparsity(taken, target) / jnp.float32(target)


def prune(
  optimizer: optax.GradientTransformation,
  sparsity: float,
  *,
  schedule: schedules.Schedule,
  criterion: str = 'magnitude',
  budget: str = 'uniform',
  pattern: patterns.Pattern = patterns.DEFAULT,
  kernels: kernels.Kernels = kernels.DEFAULT,
  seed: int = 0,
) -> optax.GradientTransformationExtraArgs:
  """Makes an optimiser that prunes while it trains.

  Scores are those of the weights after the step at which masks are renewed;
  gradients are averaged since the masks were last renewed ('movement' adds up
  all of them). Dead weights do not come back (movement pruning's own do, by
  straight-through gradients; `regrowth.regrow` has ways of its own).

  Args:
    optimizer: Any optax optimiser.
    sparsity: Share of the selected kernels' weights that are zero in the end.
    schedule: When and how much, from `schedules`.
    criterion: 'magnitude', 'random', 'snip', 'taylor', 'fisher', 'movement'.
    budget: 'uniform', 'erk' or 'global', see `selection.Selection`.
    pattern: From `patterns`.
    kernels: Which kernels are pruned.
    seed: Of 'random'; equal seeds give equal masks.

  Returns:
    An optax optimiser; the masks are in its state's `masks`.

  Raises:
    UserError: A setting that is none, or does not go with the parameters.

  Example:
    >>> params = {'kernel': jnp.arange(1., 11.).reshape(5, 2)}
    >>> tx = prune(optax.adam(1e-3), 0.8, schedule=schedules.OneShot(2))
    >>> state = tx.init(params)
    >>> for _ in range(3):
    ...   updates, state = tx.update(params, state, params)
    ...   params = optax.apply_updates(params, updates)
    ...   print(jnp.count_nonzero(params['kernel']))
    10
    2
    2
  """
  criteria.find(criterion)
  chosen = selection.Selection(sparsity, budget, pattern, kernels)
  method = Gradual(chosen, criterion, schedule, seed)
  return transform.wrap(optimizer, method)
