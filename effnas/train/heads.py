"""Parameters of the modules that an objective trains beside the network."""

from collections.abc import Callable, Mapping
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effnas.learn import objective as objective_lib
from effnas.train import forward as forward_lib


class _Asking(forward_lib.Forward):
  """Notes what is handed to each head, in an abstract call."""

  asked: dict[str, jax.ShapeDtypeStruct]

  def head(self, name: str, x: jax.Array) -> jax.Array:
    self.asked[name] = jax.ShapeDtypeStruct(x.shape, jnp.float32)
    found, _ = self._heads[name].init_with_output(jax.random.key(0), x)
    return found.astype(jnp.float32)


def create(
  objective: objective_lib.Objective | None,
  net: Any,
  labels: Any,
  numbers: Mapping[str, Any],
  inputs: jax.ShapeDtypeStruct,
  params: Mapping[str, Any],
  model_state: Mapping[str, Any],
  key: jax.Array,
) -> dict[str, Any]:
  """Draws the parameters of an objective's heads.

  Args:
    objective: The objective; None has no heads.
    net: The network.
    labels: Labels of one batch, or a mapping with them and extras.
    numbers: What the objective is given as numbers.
    inputs: Shape and type of a prepared batch.
    params: The network's parameters.
    model_state: Its other collections.
    key: The source of chance.

  Returns:
    Parameters by name; heads that the objective did not call have none.
  """
  heads = objective.heads() if objective is not None else {}
  if objective is None or not heads:
    return {}
  asked: dict[str, jax.ShapeDtypeStruct] = {}

  def call(inputs, params, model_state, labels, numbers):
    forward = _Asking(net, params, model_state, jax.random.key(0), heads=heads)
    forward.asked = asked
    batch = objective_lib.batch(inputs, labels)
    return objective(forward, batch, jax.random.key(0), numbers).loss

  jax.eval_shape(call, inputs, params, model_state, labels, numbers)
  found = {}
  for i, (name, shape) in enumerate(sorted(asked.items())):
    drawn = jax.jit(heads[name].init)(
      jax.random.fold_in(key, i + 1), jnp.zeros(shape.shape, shape.dtype)
    )
    found[name] = drawn['params']
  return found


class Beside(NamedTuple):
  """States of the optimisers of a network and of the heads beside it."""

  net: Any
  heads: Any


def beside(
  net: optax.GradientTransformation, heads: optax.GradientTransformation
) -> optax.GradientTransformation:
  """Returns an optimiser that handles heads apart from the network.

  What prunes or ties the network's weights looks at them alone.

  Args:
    net: The optimiser of the network's parameters.
    heads: That of the parameters under `forward.HEADS`.
  """

  def init(params):
    own, others = _split(params)
    return Beside(net.init(own), heads.init(others))

  return optax.GradientTransformation(init, _update(net.update, heads.update))


# One function for the same two, as compiled programs are kept by it.
@functools.lru_cache(maxsize=16)
def _update(net: Callable[..., Any], heads: Callable[..., Any]) -> Any:
  def update(grads, state, params=None):
    own, others = _split(grads)
    own_params, other_params = _split(params or {})
    own, net_state = net(own, state.net, own_params)
    others, heads_state = heads(others, state.heads, other_params)
    joined = {**own, forward_lib.HEADS: others} if others else own
    return joined, Beside(net_state, heads_state)

  return update


def _split(tree: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
  own = {k: v for k, v in tree.items() if k != forward_lib.HEADS}
  return own, tree.get(forward_lib.HEADS, {})
