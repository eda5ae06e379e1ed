"""Jacobian covariance: how differently a network sees different inputs."""

from typing import Any

from flax import linen
import jax
import numpy as np

from effnas.search.scoring import gradients

_K = 1e-5  # the papers' constant


def score(
  net: linen.Module,
  variables: dict[str, Any],
  inputs: jax.Array,
  labels: jax.Array,
  rng_key: jax.Array,
) -> float:
  """Returns -sum(log(v + k) + 1 / (v + k)), k = 1e-5; see `proxies`.

  The v are the eigenvalues of the correlations between the examples'
  gradients of the summed outputs, batch normalisation as in training.

  Reference:
    Mellor et al. 2020, first version of https://arxiv.org/abs/2006.04647;
    named so in Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134
  """
  del labels, rng_key
  return of_jacobian(np.asarray(gradients.of_inputs(net, variables, inputs)))


def of_jacobian(jacobian: np.ndarray) -> float:
  """Returns the score of gradients by inputs.

  Args:
    jacobian: [N, values]; rows without variance count as equal to each other.

  Example:
    >>> same, other = np.array([[1., 2.], [1., 2.]]), np.array([[1., 2., 0.],
    ...                                                         [0., 1., 2.]])
    >>> of_jacobian(same) < of_jacobian(other)
    True
  """
  centred = jacobian.astype(np.float64)
  centred = centred - centred.mean(axis=1, keepdims=True)
  length = np.linalg.norm(centred, axis=1, keepdims=True)
  flat = length[:, 0] == 0
  unit = centred / np.where(length > 0, length, 1)
  correlation = unit @ unit.T + np.outer(flat, flat)
  values = np.clip(np.linalg.eigvalsh(correlation), 0, None)
  return float(-np.sum(np.log(values + _K) + 1 / (values + _K)))
