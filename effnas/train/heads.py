"""Parameters of the modules that an objective trains beside the network."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

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
