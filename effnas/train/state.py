"""What training carries from step to step, as one pytree."""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

from flax import struct
import jax
import jax.numpy as jnp
import optax

from effnas import errors
from effnas.train import forward as forward_lib


@struct.dataclass
class State:
  """State of the training of one network.

  Attributes:
    step: Steps taken, an int32 scalar.
    params: The trainable parameters, in float32.
    model_state: Every other collection of variables (batch statistics ...).
    opt_state: State of the optimiser.
    ema: Exponential moving average of the parameters, or None.
    kept: What steps do not touch and checkpoints hold: 'best', the variables of
      the best epoch, and 'order', the rows by difficulty; or None.
  """

  step: jax.Array
  params: Any
  model_state: Any
  opt_state: Any
  ema: Any
  kept: Any = None

  def variables(self) -> dict[str, Any]:
    """Returns the variables to evaluate: averaged where there is an average."""
    params = self.params if self.ema is None else self.ema
    params = {k: v for k, v in params.items() if k != forward_lib.HEADS}
    return {'params': params, **self.model_state}

  def keep(self, **arrays: Any) -> 'State':
    """Returns the state with more, or other, arrays that steps do not touch."""
    return self.keeping({**(self.kept or {}), **arrays})

  def keeping(self, kept: Any) -> 'State':
    """Returns the state with these arrays in their place, None for none."""
    return dataclasses.replace(self, kept=kept)


@functools.lru_cache(maxsize=16)
def _initialiser(net: Any, prepare: Callable) -> Callable:
  # Runs once: the compiler need not optimise it.
  quick = {'cpu': {'xla_backend_optimization_level': 0}}
  return jax.jit(
    lambda key, x: net.init(key, prepare(x)),
    compiler_options=quick.get(jax.default_backend()),
  )


@jax.jit
def copied(tree: Any) -> Any:
  """Returns arrays that outlive a step, which uses up those of its state."""
  return jax.tree.map(jnp.copy, tree)


def _fitting(own: Any, given: Any) -> tuple[Any, int]:
  """Returns own variables with those given that fit, and how many do not."""
  found = dict(jax.tree_util.tree_leaves_with_path(given))
  leaves, form = jax.tree_util.tree_flatten_with_path(own)
  fits = [
    path in found and jnp.shape(found[path]) == leaf.shape
    for path, leaf in leaves
  ]
  for (path, leaf), fit in zip(leaves, fits, strict=True):
    kind = jnp.result_type(found[path]) if fit else leaf.dtype
    if jnp.issubdtype(kind, jnp.integer) != jnp.issubdtype(
      leaf.dtype, jnp.integer
    ):
      raise errors.UserError(
        f'weights to start from are as in training, {leaf.dtype}; '
        f'{jax.tree_util.keystr(path)} is {kind}: those of a converted network '
        'do not do'
      )
  if leaves and not any(fits):
    raise errors.UserError(
      'none of the given weights has the path and shape of one of the network'
    )
  merged = [
    found[path] if fit else leaf
    for (path, leaf), fit in zip(leaves, fits, strict=True)
  ]
  return jax.tree.unflatten(form, merged), fits.count(False)


def create(
  net: Any,
  tx: optax.GradientTransformation,
  prepare: Callable[[jax.Array], jax.Array],
  x: Any,
  *,
  seed: int = 0,
  ema: bool = False,
  variables: Any = None,
  heads: Callable[..., dict[str, Any]] | None = None,
) -> State:
  """Creates the state before the first step.

  Args:
    net: A Linen module.
    tx: The optimiser.
    prepare: Raw batch -> what the network takes; hashable.
    x: One raw batch, for its shape.
    seed: Seed of the initial parameters.
    ema: Whether to average the parameters.
    variables: Variables to start from; what they lack, or have in another
      shape, is drawn. None draws all.
    heads: (prepared batch, params, model_state, key) -> parameters of modules
      that the objective trains beside the network, by name.

  Returns:
    The state; it shares no buffer with `variables`.

  Raises:
    UserError: None of the variables is one of the network's.
  """
  # This generator compiles in half the time of the default one.
  key = jax.random.key(seed, impl='unsafe_rbg')
  initialise = _initialiser(net, prepare)
  if variables is None:
    variables = initialise(key, x)
  else:
    shapes = jax.eval_shape(initialise, key, x)
    merged, drawn = _fitting(shapes, variables)
    if drawn:
      merged, _ = _fitting(initialise(key, x), variables)
    # The compiled epoch takes over the buffers of its state.
    variables = copied(merged)
  model_state = dict(variables)
  params = model_state.pop('params', {})
  if heads is not None:
    own = heads(jax.eval_shape(prepare, x), params, model_state, key)
    params = {**params, forward_lib.HEADS: own} if own else params
  return State(
    step=jnp.int32(0),
    params=params,
    model_state=model_state,
    opt_state=tx.init(params),
    ema=copied(params) if ema else None,
  )
