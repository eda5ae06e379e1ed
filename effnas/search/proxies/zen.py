"""Zen-score: how strongly a random network answers a small change."""

from collections.abc import Mapping
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
  *,
  gamma: float = 0.01,
  repeats: int = 1,
) -> float:
  """Returns the mean Zen-score of Gaussian weights and inputs; see `proxies`.

  Unlike in the paper, shortcuts stay. The map that is compared is the last one
  before the positions are averaged.

  Args:
    net: See `proxies`.
    variables: See `proxies`; kernels are drawn anew.
    inputs: See `proxies`; their shape counts.
    labels: Not used.
    rng_key: See `proxies`.
    gamma: How large the change is.
    repeats: Draws.

  Raises:
    UserError: The network has no batch normalisation, or no map.

  Reference:
    Lin et al. 2021, https://arxiv.org/abs/2102.01063
  """
  del labels
  found = []
  for key in jax.random.split(rng_key, repeats):
    of_weights, of_x, of_change = jax.random.split(key, 3)
    x = jax.random.normal(of_x, inputs.shape)
    change = gamma * jax.random.normal(of_change, inputs.shape)
    drawn = {**variables, 'params': gaussian(variables['params'], of_weights)}
    found.append(response(net, drawn, x, change))
  return float(np.mean(found))


def gaussian(params: Any, key: jax.Array) -> Any:
  """Returns parameters whose kernels are drawn from N(0, 1).

  Args:
    params: The parameters; arrays of one axis are kept.
    key: The source of chance.
  """
  leaves, form = jax.tree.flatten(params)
  keys = jax.random.split(key, len(leaves))
  drawn = [
    jax.random.normal(k, p.shape, p.dtype) if p.ndim >= 2 else p
    for k, p in zip(keys, leaves, strict=True)
  ]
  return jax.tree.unflatten(form, drawn)


def response(
  net: linen.Module,
  variables: Mapping[str, Any],
  x: jax.Array,
  change: jax.Array,
) -> float:
  """Returns log |f(x) - f(x + change)| + the sum over layers of log s.

  The first is the mean over examples of the sum over a map. s**2 is what a
  batch normalisation divides by, the variance of its input for x + change,
  averaged over channels; layers that get nothing divide nothing.

  Args:
    net: A Linen module whose call takes `train`.
    variables: Its variables.
    x: Inputs [N, ...].
    change: What is added to them.

  Raises:
    UserError: The network has no batch normalisation, or no map.
  """
  return float(_response(net, variables, x, change))


@functools.partial(jax.jit, static_argnames='net')
def _response(net, variables, x, change):
  before = watching.watch(net, variables, x)
  after = watching.watch(net, variables, x + change)
  if not after.variances or not after.maps:
    raise errors.UserError(
      'zen needs a network with batch normalisation and maps, and this one '
      'lacks them; take another proxy, e.g. synflow'
    )
  apart = jnp.abs(before.maps[-1] - after.maps[-1])
  apart = apart.sum(range(1, apart.ndim)).mean()
  least = jnp.finfo(apart.dtype).tiny
  means = jnp.stack([variance.mean() for variance in after.variances])
  scales = jnp.where(means > 0, jnp.log(jnp.maximum(means, least)) / 2, 0)
  return jnp.log(jnp.maximum(apart, least)) + scales.sum()
