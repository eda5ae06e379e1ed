"""An epoch as one compiled call."""

from collections.abc import Callable
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from effnas.learn import augment
from effnas.learn import objective as objective_lib
from effnas.train import prepare as prepare_lib
from effnas.train import step as step_lib


class Plan(NamedTuple):
  """What the compiled epoch depends on; numbers that are not here are traced.

  Attributes:
    net: A Linen module whose `__call__` takes `train`.
    update: An optax update function.
    prepare: The preprocessing.
    augment: Names for `effnas.learn.augment.make`.
    crop_padding: Likewise.
    batch_size: Inputs per step.
    dtype: Type of the arithmetic.
    objective: See `effnas.learn.objective`; None is the cross-entropy.
  """

  net: Any
  update: Callable
  prepare: prepare_lib.Prepare
  augment: tuple[str, ...]
  crop_padding: int
  batch_size: int
  dtype: str
  objective: objective_lib.Objective | None = None


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
    plan.net, plan.update, dtype=plan.dtype, objective=plan.objective
  )
  change = augment.make(plan.augment, crop_padding=plan.crop_padding)

  def run(state, x, y, key, numbers):
    shuffle_key, steps_key = jax.random.split(key)
    steps = len(x) // plan.batch_size
    order = jax.random.permutation(shuffle_key, len(x))
    order = order[: steps * plan.batch_size].reshape(steps, plan.batch_size)

    def body(state, rows):
      augment_key, dropout_key = jax.random.split(
        jax.random.fold_in(steps_key, state.step)
      )
      inputs = plan.prepare(x[rows])
      if plan.augment:
        # After it, so that the zeros of a crop are the mean colour.
        inputs = change(augment_key, inputs)
      labels = jax.tree.map(lambda column: column[rows], y)
      return one(state, inputs, labels, dropout_key, numbers)

    state, metrics = jax.lax.scan(body, state, order)
    return state, jax.tree.map(jnp.mean, metrics)

  options = COMPILER_OPTIONS.get(jax.default_backend())
  return jax.jit(run, donate_argnums=0, compiler_options=options)
