"""An epoch as one compiled call."""

from collections.abc import Callable
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from effnas.learn import augment
from effnas.learn import objective as objective_lib
from effnas.train import curriculum as curriculum_lib
from effnas.train import prepare as prepare_lib
from effnas.train import resolutions
from effnas.train import step as step_lib


class Plan(NamedTuple):
  """What the compiled epoch depends on; numbers that are not here are traced.

  Attributes:
    net: A Linen module whose `__call__` takes `train`.
    update: An optax update function.
    prepare: The preprocessing.
    augment: Names for `effnas.learn.augment.make`, or what was made of them.
    crop_padding: Likewise.
    batch_size: Inputs that are in the network at once.
    dtype: Type of the arithmetic.
    objective: See `effnas.learn.objective`; None is the cross-entropy.
    classes: Number of classes, where the augmentation mixes labels.
    accumulate: Batches in a step.
    sam: Whether the gradient is that of `effnas.train.sam`.
    side: Pixels that inputs are resized to; None leaves them as they are.
    ranked: Whether rows are drawn by difficulty, see `effnas.train.curriculum`.
  """

  net: Any
  update: Callable
  prepare: prepare_lib.Prepare
  augment: tuple[Any, ...]
  crop_padding: int
  batch_size: int
  dtype: str
  objective: objective_lib.Objective | None = None
  classes: int | None = None
  accumulate: int = 1
  sam: bool = False
  side: int | None = None
  ranked: bool = False


# Compiling dominates the training of small networks. On CPU, LLVM's first level
# takes a third less time than its default and the epochs are as fast.
COMPILER_OPTIONS = {'cpu': {'xla_backend_optimization_level': 1}}


# A handful, so that a search over many networks does not hold on to all of
# their programs.
@functools.lru_cache(maxsize=16)
def compiled(plan: Plan) -> Callable:
  """Returns the jitted function of one epoch (or one piece of it).

  Args:
    plan: The static part.

  Returns:
    A function (state, x, y, key, numbers) -> (state, metrics). It shuffles the
    rows by `key`, takes a step on each whole batch and gives the mean of the
    steps' metrics. The state's buffers are used up.
  """
  one = step_lib.make(
    plan.net,
    plan.update,
    dtype=plan.dtype,
    objective=plan.objective,
    accumulate=plan.accumulate,
    sam=plan.sam,
  )
  judge = step_lib.row_losses(plan.net, plan.dtype)
  change = augment.make(
    plan.augment, crop_padding=plan.crop_padding, classes=plan.classes
  )
  rows_of_step = plan.batch_size * plan.accumulate

  def run(state, x, y, key, numbers):
    shuffle_key, steps_key = jax.random.split(key)
    steps = len(x) // rows_of_step
    order = jax.random.permutation(shuffle_key, len(x))
    if plan.ranked:
      order = curriculum_lib.drawn(order, numbers['curriculum'])
    order = order[: steps * rows_of_step].reshape(steps, rows_of_step)

    def body(state, rows):
      augment_key, dropout_key = jax.random.split(
        jax.random.fold_in(steps_key, state.step)
      )

      def losses(inputs, labels):
        return judge(state, inputs, labels, dropout_key)

      labels = jax.tree.map(lambda column: column[rows], y)
      inputs, labels = change(
        augment_key, x[rows], labels, plan.prepare, losses
      )
      inputs = resolutions.resized(inputs, plan.side)
      return one(state, inputs, labels, dropout_key, numbers)

    state, metrics = jax.lax.scan(body, state, order)
    return state, jax.tree.map(jnp.mean, metrics)

  options = COMPILER_OPTIONS.get(jax.default_backend())
  return jax.jit(run, donate_argnums=0, compiler_options=options)
