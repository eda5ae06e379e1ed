"""Pruning as an optax optimiser around another one.

    tx = prune(optax.adam(1e-3), 0.8, schedule=schedules.Cubic(100, 900))

is all that a training loop changes. The masks live in the optimiser's state
and are renewed inside the compiled step. Pruned weights are exactly zero after
each step whatever the inner optimiser does, so `prune` stands outermost: what
scales its updates afterwards would undo that. (A moving average of the
parameters is not zero where weights died on the way: `masks.apply` it.)
"""

from collections.abc import Callable, Hashable, Mapping
import functools
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import optax

from effnas import errors
from effnas.compress.pruning import masks as masks_lib

Flat = masks_lib.Flat


class State(NamedTuple):
  """State of a pruning optimiser.

  Attributes:
    taken: Steps taken, an int32 scalar.
    masks: Path -> mask, true where a weight lives.
    memory: What the method keeps of past gradients.
    inner: State of the inner optimiser.
  """

  taken: jax.Array
  masks: Flat
  memory: Any
  inner: Any


class Method(Hashable, Protocol):
  """A way to choose masks; hashable, as the compiled step depends on it."""

  def start(self, params: Any) -> tuple[Flat, Any]:
    """Returns the masks and the memory before the first step."""

  def due(self, taken: jax.Array) -> Any:
    """Says whether the masks are renewed after so many steps."""

  def observe(self, memory: Any, weights: Flat, grads: Flat) -> Any:
    """Adds a step's gradients, of dead weights too, to the memory."""

  def renew(
    self, masks: Flat, memory: Any, weights: Flat, grads: Flat, taken: jax.Array
  ) -> tuple[Flat, Any]:
    """Returns other masks, and the memory after that."""


def wrap(
  optimizer: optax.GradientTransformation,
  method: Method,
  start: Callable[[Any], tuple[Flat, Any]] | None = None,
) -> optax.GradientTransformationExtraArgs:
  """Makes an optimiser that keeps to a method's masks.

  The inner optimiser sees the gradients of living weights only.

  Args:
    optimizer: Any optax optimiser.
    method: Chooses the masks.
    start: In place of `method.start`.

  Returns:
    An optax optimiser with a `State`. Its `update` is one and the same
    function for equal methods and the same inner `update`, so that they share
    compiled programs.
  """
  begin = start or method.start

  def init(params):
    masks, memory = begin(params)
    return State(jnp.int32(0), masks, memory, optimizer.init(params))

  extra = isinstance(optimizer, optax.GradientTransformationExtraArgs)
  update = _update(optimizer.update, extra, method)
  return optax.GradientTransformationExtraArgs(init, update)


@functools.lru_cache(maxsize=64)
def _update(inner_update: Callable, extra: bool, method: Method) -> Callable:
  def update(grads, state, params=None, **kwargs):
    if params is None:
      raise errors.UserError(
        'pruning needs the parameters: call update(grads, state, params)'
      )
    masks = state.masks
    weights = masks_lib.pick(params, masks)
    dense = masks_lib.pick(grads, masks)
    memory = method.observe(state.memory, weights, dense)
    updates, inner = inner_update(
      masks_lib.apply(grads, masks),
      state.inner,
      params,
      **(kwargs if extra else {}),
    )
    steps = masks_lib.pick(updates, masks)
    moved = {
      path: jnp.where(masks[path], w + steps[path], 0).astype(w.dtype)
      for path, w in weights.items()
    }
    taken = state.taken + 1
    masks, memory = jax.lax.cond(
      method.due(taken),
      lambda: method.renew(masks, memory, moved, dense, taken),
      lambda: (masks, memory),
    )
    alive = {path: masks[path] & state.masks[path] for path in masks}
    # A dead weight's update is exactly minus the weight; one that comes to
    # life starts from zero.
    steps = {
      path: jnp.where(alive[path], steps[path], -w)
      for path, w in weights.items()
    }
    updates = masks_lib.replace(updates, steps)
    return updates, State(taken, masks, memory, inner)

  return update


class Hold(NamedTuple):
  """The method of masks that stay."""

  def start(self, params):
    """Prunes nothing."""
    del params
    return {}, ()

  def due(self, taken):
    """Never."""
    del taken
    return jnp.bool_(False)

  def observe(self, memory, weights, grads):
    """Keeps nothing."""
    del weights, grads
    return memory

  def renew(self, masks, memory, weights, grads, taken):
    """Is not called."""
    del weights, grads, taken
    return masks, memory


def hold(
  optimizer: optax.GradientTransformation, masks: Mapping[str, Any]
) -> optax.GradientTransformationExtraArgs:
  """Trains under given masks: fine-tuning, or a lottery ticket.

  Args:
    optimizer: Any optax optimiser.
    masks: Path -> mask, for instance from `selection.select`.

  Returns:
    An optax optimiser. Parameters that are not masked yet are after its first
    step; `masks.apply` does it before.

  Example:
    >>> params = {'kernel': jnp.ones((1, 2))}
    >>> tx = hold(optax.sgd(0.5), {'kernel': jnp.array([[True, False]])})
    >>> updates, _ = tx.update(params, tx.init(params), params)
    >>> optax.apply_updates(params, updates)['kernel'].tolist()
    [[0.5, 0.0]]
  """

  def start(params):
    masks_lib.pick(params, masks)  # They fit.
    # Copies, as compiled loops take over the buffers of their state.
    return {path: jnp.array(mask, bool) for path, mask in masks.items()}, ()

  return wrap(optimizer, Hold(), start)
