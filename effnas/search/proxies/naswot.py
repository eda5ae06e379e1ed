"""NASWOT: how differently ReLUs fire for different inputs."""

import functools
from typing import Any

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.search.scoring import watching


def score(
  net: linen.Module,
  variables: dict[str, Any],
  inputs: jax.Array,
  labels: jax.Array,
  rng_key: jax.Array,
) -> float:
  """Returns log det(K + 1) of the kernel K of codes; see `proxies`.

  A code says which ReLUs an example makes fire, and K[i, j] in how many units
  those of i and j agree, batch normalisation as in training. K is an array of
  whole numbers; the unit matrix keeps the score finite where it is singular.

  Raises:
    UserError: The network has no ReLU.

  Reference:
    Mellor et al. 2021, https://arxiv.org/abs/2006.04647
  """
  del labels, rng_key
  distances, units = codes(net, variables, inputs)
  return of_kernel(units - distances)


def codes(
  net: linen.Module, variables: dict[str, Any], inputs: jax.Array
) -> tuple[np.ndarray, int]:
  """Returns how far the codes of examples are apart.

  Args:
    net: As for `score`.
    variables: As for `score`.
    inputs: As for `score`.

  Returns:
    Hamming distances [N, N], and the units of a code.

  Raises:
    UserError: The network has no ReLU.
  """
  distances, units = _codes(net, variables, inputs)
  if not int(units):
    raise errors.UserError(
      'naswot needs a network with ReLUs, and this one has none; '
      'take another proxy, e.g. synflow'
    )
  return np.asarray(distances, np.float64), int(units)


def of_kernel(kernel: np.ndarray) -> float:
  """Returns log det(K + 1).

  Args:
    kernel: [N, N], symmetric and without negative eigenvalues.

  Example:
    >>> bool(np.isclose(of_kernel(np.diag([1.0, 3.0])), np.log(8)))
    True
  """
  return float(np.linalg.slogdet(kernel + np.eye(len(kernel)))[1])


@functools.partial(jax.jit, static_argnames='net')
def _codes(net, variables, inputs):
  n, units = len(inputs), 0
  apart = jnp.zeros((n, n))
  for x in watching.watch(net, variables, inputs).relu_inputs:
    code = (x > 0).reshape(n, -1).astype(jnp.float32)
    units += code.shape[1]
    one_sided = code @ (1 - code).T
    apart += one_sided + one_sided.T
  return apart, units
