"""Whether variables from a file are those of a network."""

from collections.abc import Mapping
from typing import Any

from flax import traverse_util
from flax.core import meta
import jax.numpy as jnp


def misfit(given: Any, wanted: Any) -> str | None:
  """Says what is the first thing in which variables are not as wanted.

  Args:
    given: Variables, as a file holds them.
    wanted: Those of the network, or their shapes. Floats may be of another
      width; codes of converted kernels may not.

  Returns:
    A few words, None where they fit.

  Example:
    >>> import numpy as np
    >>> wanted = {'params': {'kernel': np.ones((2, 3), np.float32)}}
    >>> print(misfit({'params': {'kernel': np.ones((2, 4))}}, wanted))
    params/kernel is (2, 4), where the network has (2, 3)
    >>> print(misfit({'params': {'kernel': np.ones((2, 3))}}, wanted))
    None
  """
  found, needed = flat(given), flat(wanted)
  if found.keys().isdisjoint(needed):
    return (
      'it holds none of its arrays; `effnas zoo import` brings in those of '
      'PyTorch'
    )
  for path, leaf in needed.items():
    if path not in found:
      return f'it lacks {path} {leaf.shape}'
    array = found[path]
    if array.shape != leaf.shape:
      return f'{path} is {array.shape}, where the network has {leaf.shape}'
    floats = [_plain_float(a.dtype) for a in (array, leaf)]
    if array.dtype != leaf.dtype and not all(floats):
      return (
        f'{path} is {array.dtype}, where the network has {leaf.dtype}; the '
        'bits of a converted network are those of --weights or the config'
      )
  left = [path for path in found if path not in needed]
  return f'the network has no place for {left[0]}' if left else None


def flat(variables: Any) -> Mapping[str, Any]:
  """Returns variables by path, joined by slashes."""
  return traverse_util.flatten_dict(meta.unbox(dict(variables)), sep='/')


def _plain_float(dtype: Any) -> bool:
  """Whether numbers are their own values; floats of 8 bits are codes."""
  return jnp.issubdtype(dtype, jnp.floating) and jnp.dtype(dtype).itemsize > 1
