"""Masks of pruned kernels: by path, true where a weight lives.

A mask stands for a pruned kernel only; whatever has none lives as a whole.
Parameters may be any pytree; a path joins its keys by slashes, as in
'stage_0/conv/kernel'.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from effnas import errors

# Path of a kernel -> an array, one per kernel that a method looks after.
Flat = dict[str, Any]


def flatten(tree: Any) -> Flat:
  """Returns the leaves by path.

  Example:
    >>> flatten({'head': {'bias': 1, 'kernel': 2}})
    {'head/bias': 1, 'head/kernel': 2}
  """
  return {
    jax.tree_util.keystr(path, simple=True, separator='/'): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def replace(tree: Any, leaves: Mapping[str, Any]) -> Any:
  """Returns the tree with other leaves at some paths.

  Example:
    >>> replace({'head': {'bias': 1, 'kernel': 2}}, {'head/kernel': 5})
    {'head': {'bias': 1, 'kernel': 5}}
  """
  merged = {**flatten(tree), **leaves}
  return jax.tree.unflatten(jax.tree.structure(tree), list(merged.values()))


def pick(tree: Any, masks: Mapping[str, Any]) -> Flat:
  """Returns the leaves that have a mask.

  Args:
    tree: Parameters, or gradients.
    masks: By path.

  Returns:
    Path -> leaf, sorted by path: compiled or not, the order is the same.

  Raises:
    UserError: A mask is for no leaf, or has another shape.
  """
  leaves = flatten(tree)
  for path, mask in masks.items():
    if path not in leaves:
      raise errors.unknown('masked kernel', path, leaves)
    if jnp.shape(leaves[path]) != jnp.shape(mask):
      raise errors.UserError(
        f'a mask has the shape of its kernel; {path} is '
        f'{jnp.shape(leaves[path])} and its mask {jnp.shape(mask)}'
      )
  return {path: leaves[path] for path in sorted(masks)}


def apply(params: Any, masks: Mapping[str, Any]) -> Any:
  """Returns the parameters with zeros where a mask is false.

  Args:
    params: A pytree of arrays.
    masks: By path.

  Returns:
    The same tree; leaves without a mask are as they were.

  Raises:
    UserError: See `pick`.

  Example:
    >>> params = {'bias': jnp.ones(2), 'kernel': jnp.ones((1, 2))}
    >>> apply(params, {'kernel': jnp.array([[True, False]])})['kernel'].tolist()
    [[1.0, 0.0]]
  """
  kernels = pick(params, masks)
  return replace(
    params,
    {
      path: jnp.where(mask, kernels[path], jnp.zeros_like(kernels[path]))
      for path, mask in masks.items()
    },
  )


def sparsity(masks: Mapping[str, Any]) -> float:
  """Returns the share of weights that the masks prune, of those they are for.

  Example:
    >>> sparsity({'a': jnp.array([True, False]), 'b': jnp.array([True] * 2)})
    0.25
  """
  size = sum(jnp.size(mask) for mask in masks.values())
  alive = sum(int(jnp.sum(mask)) for mask in masks.values())
  return 1 - alive / size if size else 0.0
