"""Outputs of modules inside a network, by their paths."""

from collections.abc import Callable, Collection
import fnmatch
from typing import Any

from flax.core import meta
import jax

from effnas.nn import rewrite


def wanted(paths: Collection[str] | None) -> Callable[[Any, str], bool]:
  """Returns the filter that Linen's `capture_intermediates` takes.

  Args:
    paths: Of the modules wanted, joined by slashes, or patterns of them as
      'stages/*'; None is all.
  """

  def one(module: Any, method: str) -> bool:
    path = '/'.join(rewrite.path_of(module))
    if method != '__call__':
      return False
    return paths is None or any(fnmatch.fnmatchcase(path, p) for p in paths)

  return one


def by_path(intermediates: Any) -> dict[str, jax.Array]:
  """Returns captured outputs by the path of their module.

  Args:
    intermediates: The collection 'intermediates'. Of a module that was called
      twice, or gave several arrays, the last stands.
  """
  found = {}
  leaves = jax.tree_util.tree_leaves_with_path(meta.unbox(intermediates))
  for path, value in leaves:
    names = [str(getattr(key, 'key', '')) for key in path]
    known = [name for name in names if name and name != '__call__']
    found['/'.join(known)] = value
  return found
