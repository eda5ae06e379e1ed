"""One step of training: loss, gradients, update, moving average."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effnas import errors
from effnas.train import state as state_lib

DTYPES = ('float32', 'bfloat16')


class Diverged(RuntimeError):
  """Training gave a loss or logits that are not finite."""


def cross_entropy(
  logits: jax.Array, labels: jax.Array, smoothing: Any = 0.0
) -> jax.Array:
  """Returns the mean softmax cross-entropy with label smoothing.

  Args:
    logits: (..., classes), float.
    labels: (...), integers: (N,) for images, (N, T) for tokens.
    smoothing: Share of the target that is spread evenly over all classes.

  Returns:
    A scalar in nats.

  Example:
    >>> logits = jnp.zeros((2, 10))
    >>> round(float(cross_entropy(logits, jnp.array([3, 4]))), 4)
    2.3026

  Reference:
    Szegedy et al., Rethinking the Inception Architecture for Computer Vision,
    2016 (label smoothing).
  """
  log_p = jax.nn.log_softmax(logits)
  right = jnp.take_along_axis(log_p, labels[..., None], axis=-1)[..., 0]
  return -jnp.mean((1 - smoothing) * right + smoothing * log_p.mean(-1))


def cast(tree: Any, dtype: Any) -> Any:
  """Returns the tree with its floating arrays in another type."""

  def one(x):
    return x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x

  return jax.tree.map(one, tree)


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
  loss: Callable | None = None,
) -> Callable[..., tuple[state_lib.State, dict[str, jax.Array]]]:
  """Makes the function of one training step.

  Parameters and inputs are cast to `dtype` for the forward and backward pass;
  the parameters themselves, the optimiser, the batch statistics and the loss
  stay float32.

  Args:
    net: A Linen module whose `__call__` takes `train`.
    update: An optax update function.
    dtype: Type of the arithmetic, 'float32' or 'bfloat16'.
    loss: (logits, labels, inputs) -> scalar; None is `cross_entropy` with the
      step's smoothing.

  Returns:
    A function (state, inputs, labels, key, numbers) -> (state, metrics), where
    `numbers` holds 'label_smoothing' and 'ema' (arrays or floats) and the
    metrics are the scalars 'loss' and 'accuracy' of the batch.

  Raises:
    UserError: For another dtype.
  """
  if dtype not in DTYPES:
    raise errors.unknown('dtype', dtype, DTYPES)

  def step(
    state: state_lib.State,
    inputs: jax.Array,
    labels: jax.Array,
    key: jax.Array,
    numbers: Mapping[str, Any],
  ) -> tuple[state_lib.State, dict[str, jax.Array]]:
    def objective(params):
      logits, changed = net.apply(
        {'params': cast(params, dtype), **state.model_state},
        cast(inputs, dtype),
        train=True,
        mutable=list(state.model_state),
        rngs={'dropout': key},
      )
      logits = logits.astype(jnp.float32)
      if loss is not None:
        value = loss(logits, labels, inputs)
      else:
        value = cross_entropy(logits, labels, numbers['label_smoothing'])
      return value, (logits, changed)

    (value, (logits, changed)), grads = jax.value_and_grad(
      objective, has_aux=True
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
    accuracy = jnp.mean((logits.argmax(-1) == labels).astype(jnp.float32))
    return new, {'loss': value, 'accuracy': accuracy}

  return step
