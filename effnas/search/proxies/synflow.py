"""SynFlow: how much flows through the weights, whatever the data."""

import functools
from typing import Any

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np

from effnas.search.scoring import gradients


def score(
  net: linen.Module,
  variables: dict[str, Any],
  inputs: jax.Array,
  labels: jax.Array,
  rng_key: jax.Array,
) -> float:
  """Returns log(1 + the sum of w * dR/dw over all kernels); see `proxies`.

  R is the sum of the outputs for one example of ones under the absolute
  weights. Batch normalisation is as in evaluation, by the statistics that it
  is initialised with: the identity but for its epsilon.

  Reference:
    Tanaka et al. 2020, https://arxiv.org/abs/2006.05467; summed as in
    Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134
  """
  del labels, rng_key
  found = saliency(net, variables, inputs.shape[1:])
  return float(np.log1p(sum(float(s.sum()) for s in gradients.kernels(found))))


def saliency(
  net: linen.Module, variables: dict[str, Any], input_shape: tuple[int, ...]
) -> Any:
  """Returns |w| * dR/d|w| of every parameter, in float64.

  Single precision overflows within some 25 layers.

  Args:
    net: A Linen module whose call takes `train`.
    variables: Its variables as initialised.
    input_shape: Of one example, without the batch.
  """
  with jax.enable_x64(True):
    wide = jax.tree.map(_wide, variables)
    ones = jnp.ones((1, *input_shape), jnp.float64)
    found = _saliency(net, wide, ones)
  return jax.tree.map(np.asarray, found)  # sums elsewhere would be in float32


def _wide(x):
  floating = jnp.issubdtype(x.dtype, jnp.floating)
  return np.asarray(x, np.float64) if floating else x


@functools.partial(jax.jit, static_argnames='net')
def _saliency(net, variables, ones):
  params = jax.tree.map(jnp.abs, variables['params'])

  def flow(params):
    return net.apply({**variables, 'params': params}, ones, train=False).sum()

  return jax.tree.map(jnp.multiply, params, jax.grad(flow)(params))
