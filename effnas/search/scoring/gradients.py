"""Outputs, loss and gradients of a network at initialisation."""

from collections.abc import Mapping
import functools
from typing import Any

from flax import linen
import jax
import jax.numpy as jnp

from effnas.learn import objective


def logits(
  net: linen.Module, variables: Mapping[str, Any], inputs: jax.Array
) -> jax.Array:
  """Returns the outputs in training, with the statistics of the batch.

  Args:
    net: A Linen module whose call takes `train`.
    variables: Its variables.
    inputs: A prepared batch [N, ...].

  Returns:
    [N, classes].
  """
  found, _ = net.apply(
    variables,
    inputs,
    train=True,
    mutable=[name for name in variables if name != 'params'],
    rngs={'dropout': jax.random.key(0)},
  )
  return found


@functools.partial(jax.jit, static_argnames='net')
def of_loss(
  net: linen.Module,
  variables: Mapping[str, Any],
  inputs: jax.Array,
  labels: jax.Array,
) -> Any:
  """Returns the gradients of the mean cross-entropy by the parameters.

  Args:
    net: As for `logits`.
    variables: As for `logits`.
    inputs: As for `logits`.
    labels: Classes, int [N].
  """

  def loss(params):
    found = logits(net, {**variables, 'params': params}, inputs)
    return objective.cross_entropy(found, labels)

  return jax.grad(loss)(variables['params'])


@functools.partial(jax.jit, static_argnames='net')
def of_inputs(
  net: linen.Module, variables: Mapping[str, Any], inputs: jax.Array
) -> jax.Array:
  """Returns the gradients of the sum of all outputs by the inputs.

  Args:
    net: As for `logits`.
    variables: As for `logits`.
    inputs: As for `logits`.

  Returns:
    [N, values of one example].
  """
  found = jax.grad(lambda x: logits(net, variables, x).sum())(inputs)
  return found.reshape(len(inputs), -1)


def kernels(params: Any) -> list[jax.Array]:
  """Returns the kernels of a tree: its arrays of at least two axes.

  Args:
    params: Parameters, or a tree of their form.

  Example:
    >>> len(kernels({'kernel': jnp.ones((2, 3)), 'bias': jnp.ones(3)}))
    1
  """
  return [leaf for leaf in jax.tree.leaves(params) if jnp.ndim(leaf) >= 2]
