"""One step of training: loss, gradients, update, moving average."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effnas import errors
from effnas.learn import objective as objective_lib
from effnas.train import forward as forward_lib
from effnas.train import sam as sam_lib
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
  accumulate: int = 1,
  sam: bool = False,
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
    accumulate: Parts of the batch that go through the network one after
      another; the gradient is the mean of theirs.
    sam: Whether the gradient is that of `effnas.train.sam`.

  Returns:
    A function (state, inputs, labels, key, numbers) -> (state, metrics), where
    `numbers` holds 'label_smoothing' and 'ema' (arrays or floats), 'sam' where
    it is on, 'steps' of the training where an objective wants its 'progress',
    and what the objective wants beside, labels may be a mapping with what a
    split has beside 'labels', and the metrics are the scalars 'loss' and
    'accuracy' of the batch.

  Raises:
    UserError: For another dtype.
  """
  if dtype not in DTYPES:
    raise errors.unknown('dtype', dtype, DTYPES)

  if objective is None:
    objective = objective_lib.CrossEntropy()
  passed = _pass(net, objective, dtype)
  if accumulate > 1:
    passed = _accumulated(passed, accumulate)

  def step(
    state: state_lib.State,
    inputs: jax.Array,
    labels: Any,
    key: jax.Array,
    numbers: Mapping[str, Any],
  ) -> tuple[state_lib.State, dict[str, jax.Array]]:
    if 'steps' in numbers:
      numbers = {**numbers, 'progress': state.step / numbers['steps']}
    rest = inputs, labels, key, numbers
    grads, changed, metrics = passed(state.params, state.model_state, *rest)
    if sam:
      near = sam_lib.climbed(state.params, grads, numbers['sam'])
      grads, _, _ = passed(near, state.model_state, *rest)
    updates, opt_state = update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    ema = state.ema
    if ema is not None:
      ema = average(ema, params, numbers['ema'], state.step + 1)
    new = state_lib.State(
      step=state.step + 1,
      params=params,
      model_state=changed,
      opt_state=opt_state,
      ema=ema,
    )
    return new, metrics

  return step


def _pass(
  net: Any, objective: objective_lib.Objective, dtype: str
) -> Callable[..., Any]:
  """Makes the function of one pass forward and backward.

  Returns:
    (params, model_state, inputs, labels, key, numbers) -> (gradients,
    model_state, metrics).
  """
  heads = objective.heads()
  unlabelled = objective.takes_unlabelled()

  def one(params, model_state, inputs, labels, key, numbers):
    def minimised(params):
      forward = forward_lib.Forward(
        net, forward_lib.cast(params, dtype), model_state, key, dtype, heads
      )
      outcome = objective(forward, batch, jax.random.fold_in(key, 0), numbers)
      return outcome.loss, (outcome, forward.changed)

    batch = objective_lib.batch(inputs, labels)
    (loss, (outcome, changed)), grads = jax.value_and_grad(
      minimised, has_aux=True
    )(params)
    # Batch statistics keep their type, whatever the module computed them in.
    changed = jax.tree.map(
      lambda new, old: new.astype(old.dtype),
      {**model_state, **changed},
      model_state,
    )
    told = batch.labels if outcome.labels is None else outcome.labels
    accuracy = objective_lib.accuracy(
      outcome.logits, told, unlabelled=unlabelled
    )
    return grads, changed, {'loss': loss, 'accuracy': accuracy}

  return one


def _accumulated(one: Callable[..., Any], parts: int) -> Callable[..., Any]:
  """Makes a pass of several over parts of the batch; means of what they give.

  Batch statistics move from part to part.
  """

  def all_of(params, model_state, inputs, labels, key, numbers):
    def body(carry, part):
      total, model_state = carry
      i, inputs, labels = part
      own = jax.random.fold_in(key, i + 1)
      grads, model_state, metrics = one(
        params, model_state, inputs, labels, own, numbers
      )
      return (jax.tree.map(jnp.add, total, grads), model_state), metrics

    split = jax.tree.map(
      lambda rows: rows.reshape(parts, -1, *rows.shape[1:]), (inputs, labels)
    )
    start = jax.tree.map(jnp.zeros_like, params), model_state
    (total, model_state), metrics = jax.lax.scan(
      body, start, (jnp.arange(parts), *split)
    )
    grads = jax.tree.map(lambda g: g / parts, total)
    return grads, model_state, jax.tree.map(jnp.mean, metrics)

  return all_of


def row_losses(net: Any, dtype: str) -> Callable[..., jax.Array]:
  """Makes the function that judges rows in training, as 'hardest' wants it.

  Args:
    net: A Linen module whose `__call__` takes `train`.
    dtype: Type of the arithmetic.

  Returns:
    (state, inputs, labels, key) -> the cross-entropy of each row, (N,); what
    the network changes in itself is left behind.
  """

  def losses(state, inputs, labels, key):
    forward = forward_lib.Forward(
      net, forward_lib.cast(state.params, dtype), state.model_state, key, dtype
    )
    batch = objective_lib.batch(inputs, labels)
    return objective_lib.row_losses(forward(batch.inputs).logits, batch.labels)

  return losses
