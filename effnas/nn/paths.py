"""Where variables stand: names joined by slashes, so that none may hold one.

Patterns, files, masks and groups name a variable by its path, and take the path
apart again. A name with a slash ('dense/kernel/scale', as `linen.WeightNorm`
has it) would come back as several.
"""

from collections.abc import Mapping
from typing import Any

from flax import traverse_util
from flax.core import meta
import jax

from effnas import errors


def flatten(tree: Any) -> dict[str, Any]:
  """Returns the leaves of nested mappings by path.

  Args:
    tree: Mappings whose keys are names.

  Raises:
    UserError: A name holds a slash.

  Example:
    >>> flatten({'head': {'bias': 1, 'kernel': 2}})
    {'head/bias': 1, 'head/kernel': 2}
  """
  check(tree)
  return traverse_util.flatten_dict(dict(tree), sep='/')


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the nested mappings of `flatten`.

  Example:
    >>> unflatten({'head/bias': 1})
    {'head': {'bias': 1}}
  """
  return traverse_util.unflatten_dict(flat, sep='/')


def check(tree: Any) -> None:
  """Sees that names can be joined to paths and taken apart again.

  Args:
    tree: A tree of variables.

  Raises:
    UserError: A name holds a slash.

  Example:
    >>> check({'dense/kernel': {'scale': 1}})
    Traceback (most recent call last):
    effnas.errors.UserError: names of modules and variables hold no slash, ...
  """
  for path, _ in jax.tree_util.tree_leaves_with_path(meta.unbox(tree)):
    names = [str(getattr(key, 'key', '')) for key in path]
    for name in names:
      if '/' in name:
        raise errors.UserError(
          'names of modules and variables hold no slash, which joins them to '
          f'paths; got {name!r} in {names}; linen.WeightNorm makes such names'
        )
