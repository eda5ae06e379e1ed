"""One step of training, traced: the gradient of the loss of a network."""

from collections.abc import Callable, Sequence
import dataclasses
import functools
import math
from typing import Any

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np

from effnas.footprint import inputs, remat
from effnas.footprint.program import count, memory, ops
from effnas.footprint.program import work as work_lib
from effnas.nn import once, rewrite

FLOATS = ('float32', 'bfloat16', 'float16')


@dataclasses.dataclass(frozen=True)
class Step:
  """What is remembered of a traced step.

  Attributes:
    params_bytes: Of the trainable parameters.
    kept_bytes: Of all variables, with a narrower copy of the parameters if the
      arithmetic is in a narrower format.
    peak_bytes: Most that is alive at once of inputs, activations and gradients.
    macs: Of the loss and its gradient.
    forward_macs: Of the loss.
    unknown: What could not be counted.
    work: Of the loss and its gradient.
  """

  params_bytes: int
  kept_bytes: int
  peak_bytes: int
  macs: int
  forward_macs: int
  unknown: tuple[str, ...]
  work: tuple[work_lib.Work, ...]


def step(
  net: linen.Module,
  shape: tuple[int, ...],
  dtype: Any,
  float_format: str,
  rematerialise: bool,
) -> Step:
  """Traces the gradient of the loss; equal networks are traced once.

  Args:
    net: A Linen module.
    shape: Shape of the input, batch included.
    dtype: dtype of the input.
    float_format: One of `FLOATS`, of the arithmetic.
    rematerialise: Whether to cut the forward pass into `remat.segments`.

  Returns:
    What the step costs.
  """
  return once.once(
    _traced, net, shape, np.dtype(dtype).name, float_format, rematerialise
  )


def unknown(
  net: linen.Module,
  input_shape: Sequence[int],
  *,
  input_dtype: Any = 'float32',
) -> list[str]:
  """Names what a training step does that the counts do not know.

  Args:
    net: A Linen module.
    input_shape: Shape of one example, without the batch.
    input_dtype: dtype of the input.

  Returns:
    'primitive at path', as `network.unknown`.
  """
  shape = inputs.shape(input_shape)
  return list(step(net, shape, input_dtype, 'float32', False).unknown)


@functools.lru_cache(maxsize=128)
def _traced(net, shape, dtype, float_format, rematerialise) -> Step:
  x = jax.ShapeDtypeStruct(shape, dtype)
  key = jax.eval_shape(lambda: jax.random.key(0))
  state = dict(jax.eval_shape(net.init, key, x))
  params = state.pop('params', {})
  loss: Callable = functools.partial(_loss, net, float_format)
  arguments = (params, state, x, key)
  forward = jax.make_jaxpr(loss)(*arguments)
  if rematerialise:
    loss = remat.segments(loss, *arguments)
  gradient = jax.value_and_grad(loss, has_aux=True)
  jaxpr = jax.make_jaxpr(gradient)(*arguments)
  leaves = jax.tree.leaves(params), jax.tree.leaves(state)
  kept = [sum(ops.nbytes(a.shape, a.dtype) for a in part) for part in leaves]
  narrow = 0
  if float_format != 'float32':
    narrow = sum(2 * math.prod(a.shape) for a in leaves[0])
  program = count.trace(jaxpr, sum(map(len, leaves)))
  return Step(
    params_bytes=kept[0],
    kept_bytes=sum(kept) + narrow,
    peak_bytes=memory.peak(*program),
    macs=sum(op.macs for op in program[0]),
    forward_macs=sum(op.macs for op in count.count(forward)),
    unknown=tuple(count.unknown(program[0])),
    work=work_lib.work(*program),
  )


def _loss(net, float_format, params, state, x, key):
  """Cross-entropy of every output of a network with its first class."""

  def cast(tree):
    return jax.tree.map(
      lambda a: (
        a.astype(float_format) if jnp.issubdtype(a.dtype, jnp.floating) else a
      ),
      tree,
    )

  train = {'train': True} if rewrite.takes_train(type(net)) else {}
  outputs, changed = net.apply(
    {'params': cast(params), **state},
    cast(x),
    **train,
    mutable=list(state),
    rngs={'dropout': key},
  )
  losses = [
    -jax.nn.log_softmax(y.astype(jnp.float32))[..., 0].mean()
    for y in jax.tree.leaves(outputs)
  ]
  return sum(losses), changed
