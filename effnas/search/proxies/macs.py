"""MACs: the network that computes more is taken to be the better one."""

from typing import Any

from flax import linen
import jax

from effnas import footprint


def score(
  net: linen.Module,
  variables: dict[str, Any],
  inputs: jax.Array,
  labels: jax.Array,
  rng_key: jax.Array,
) -> float:
  """Returns the MACs of one example; see `proxies`."""
  del variables, labels, rng_key
  return float(footprint.measure(net, inputs.shape[1:])['macs'])
