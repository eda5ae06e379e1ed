"""GradNorm: how large the gradients of the first step are."""

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
  """Returns the sum over all kernels of |dL/dw|_2; see `proxies`.

  L is the mean cross-entropy, batch normalisation as in training.

  Reference:
    Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134
  """
  del rng_key
  return of_gradients(gradients.of_loss(net, variables, inputs, labels))


def of_gradients(found: Any) -> float:
  """Returns the score of gradients.

  Args:
    found: dL/dw, a tree of the form of the parameters.

  Example:
    >>> of_gradients({'kernel': jnp.array([[3.0, 4.0]]), 'bias': jnp.ones(2)})
    5.0
  """
  kernels = gradients.kernels(found)
  return float(sum(jnp.linalg.norm(kernel.ravel()) for kernel in kernels))
