"""What training carries from step to step, as one pytree."""

from collections.abc import Callable
import functools
from typing import Any

from flax import struct
import jax
import jax.numpy as jnp
import optax


@struct.dataclass
class State:
  """State of the training of one network.

  Attributes:
    step: Steps taken, an int32 scalar.
    params: The trainable parameters, in float32.
    model_state: Every other collection of variables (batch statistics ...).
    opt_state: State of the optimiser.
    ema: Exponential moving average of the parameters, or None.
  """

  step: jax.Array
  params: Any
  model_state: Any
  opt_state: Any
  ema: Any

  def variables(self) -> dict[str, Any]:
    """Returns the variables to evaluate: averaged where there is an average."""
    params = self.params if self.ema is None else self.ema
    return {'params': params, **self.model_state}


@functools.lru_cache(maxsize=16)
def _initialiser(net: Any, prepare: Callable) -> Callable:
  # Runs once: the compiler need not optimise it.
  quick = {'cpu': {'xla_backend_optimization_level': 0}}
  return jax.jit(
    lambda key, x: net.init(key, prepare(x)),
    compiler_options=quick.get(jax.default_backend()),
  )


@jax.jit
def _copy(tree: Any) -> Any:
  return jax.tree.map(jnp.copy, tree)


def create(
  net: Any,
  tx: optax.GradientTransformation,
  prepare: Callable[[jax.Array], jax.Array],
  x: Any,
  *,
  seed: int = 0,
  ema: bool = False,
  variables: Any = None,
) -> State:
  """Creates the state before the first step.

  Args:
    net: A Linen module.
    tx: The optimiser.
    prepare: Raw batch -> what the network takes; hashable.
    x: One raw batch, for its shape.
    seed: Seed of the initial parameters.
    ema: Whether to average the parameters.
    variables: Variables to start from; None draws them.

  Returns:
    The state; it shares no buffer with `variables`.
  """
  if variables is None:
    # This generator compiles in half the time of the default one.
    key = jax.random.key(seed, impl='unsafe_rbg')
    variables = _initialiser(net, prepare)(key, x)
  else:
    # The compiled epoch takes over the buffers of its state.
    variables = _copy(variables)
  model_state = dict(variables)
  params = model_state.pop('params', {})
  return State(
    step=jnp.int32(0),
    params=params,
    model_state=model_state,
    opt_state=tx.init(params),
    ema=_copy(params) if ema else None,
  )
