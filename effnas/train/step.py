"""One step of training: loss, gradients, update, moving average."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effnas import errors
from effnas.learn import objective as objective_lib
from effnas.train import forward as forward_lib
from effnas.train import state as state_lib

DTYPES = ('float32', 'bfloat16')


class Diverged(RuntimeError):
  """Training gave a loss or logits that are not finite."""


def average(ema: Any, params: Any, decay: Any, step: Any) -> Any:
  """Returns the moving average of the parameters after a step.

  The decay starts low, min(decay, (1 + step) / (10 + step)), so that the
  initial parameters do not outlive a short training.

  Args:
    ema: The average so far.
    params: The parameters after the step.
    decay: Share of the old average that is kept, in the long run.
    step: Number of steps taken, with this one.

  Returns:
    decay * ema + (1 - decay) * params, leaf by leaf.

  Reference:
    The same warm-up as `num_updates` of TensorFlow's
    `tf.train.ExponentialMovingAverage`.
  """
  step = jnp.asarray(step, jnp.float32)
  keep = jnp.minimum(decay, (1 + step) / (10 + step))
  return jax.tree.map(
    lambda e, p: (e + (1 - keep) * (p - e)).astype(e.dtype), ema, params
  )


def make(
  net: Any,
  update: Callable,
  *,
  dtype: str = 'float32',
  objective: objective_lib.Objective | None = None,
) -> Callable[..., tuple[state_lib.State, dict[str, jax.Array]]]:
  """Makes the function of one training step.

  Parameters and inputs are cast to `dtype` for the forward and backward pass;
  the parameters themselves, the optimiser, the batch statistics and the loss
  stay float32.

  Args:
    net: A Linen module whose `__call__` takes `train`.
    update: An optax update function.
    dtype: Type of the arithmetic, 'float32' or 'bfloat16'.
    objective: What is minimised, see `effnas.learn.objective`; None is the
      cross-entropy with the step's smoothing.

  Returns:
    A function (state, inputs, labels, key, numbers) -> (state, metrics), where
    `numbers` holds 'label_smoothing' and 'ema' (arrays or floats) and what the
    objective wants beside, labels may be a mapping with what a split has beside
    'labels', and the metrics are the scalars 'loss' and 'accuracy' of the
    batch.

  Raises:
    UserError: For another dtype.
  """
  if dtype not in DTYPES:
    raise errors.unknown('dtype', dtype, DTYPES)

  if objective is None:
    objective = objective_lib.CrossEntropy()
  heads = objective.heads()

  def step(
    state: state_lib.State,
    inputs: jax.Array,
    labels: Any,
    key: jax.Array,
    numbers: Mapping[str, Any],
  ) -> tuple[state_lib.State, dict[str, jax.Array]]:
    def minimised(params):
      forward = forward_lib.Forward(
        net,
        forward_lib.cast(params, dtype),
        state.model_state,
        key,
        dtype,
        heads,
      )
      outcome = objective(forward, batch, jax.random.fold_in(key, 0), numbers)
      return outcome.loss, (outcome, forward.changed)

    batch = objective_lib.batch(inputs, labels)
    (value, (outcome, changed)), grads = jax.value_and_grad(
      minimised, has_aux=True
    )(state.params)
    updates, opt_state = update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    # Batch statistics keep their type, whatever the module computed them in.
    model_state = jax.tree.map(
      lambda new, old: new.astype(old.dtype),
      {**state.model_state, **changed},
      state.model_state,
    )
    ema = state.ema
    if ema is not None:
      ema = average(ema, params, numbers['ema'], state.step + 1)
    new = state_lib.State(
      step=state.step + 1,
      params=params,
      model_state=model_state,
      opt_state=opt_state,
      ema=ema,
    )
    told = batch.labels if outcome.labels is None else outcome.labels
    accuracy = objective_lib.accuracy(outcome.logits, told)
    return new, {'loss': value, 'accuracy': accuracy}

  return step
