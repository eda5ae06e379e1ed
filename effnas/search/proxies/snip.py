"""SNIP: how much the loss would change without each weight."""

from typing import Any

from flax import linen
import jax
import jax.numpy as jnp

from effnas.search.scoring import gradients


def score(
  net: linen.Module,
  variables: dict[str, Any],
  inputs: jax.Array,
  labels: jax.Array,
  rng_key: jax.Array,
) -> float:
  """Returns the sum of |w * dL/dw| over all kernels; see `proxies`.

  L is the mean cross-entropy, batch normalisation as in training.

  Reference:
    Lee et al. 2019, https://arxiv.org/abs/1810.02340; summed as in Abdelfattah
    et al. 2021, https://arxiv.org/abs/2101.08134
  """
  del rng_key
  found = gradients.of_loss(net, variables, inputs, labels)
  return of_gradients(variables['params'], found)


def of_gradients(params: Any, found: Any) -> float:
  """Returns the score of gradients.

  Args:
    params: The parameters w.
    found: dL/dw, a tree of their form.

  Example:
    >>> of_gradients({'kernel': jnp.array([[3.0, -4.0]])},
    ...              {'kernel': jnp.array([[2.0, 1.0]])})
    10.0
  """
  products = jax.tree.map(jnp.multiply, params, found)
  return float(sum(jnp.abs(p).sum() for p in gradients.kernels(products)))
