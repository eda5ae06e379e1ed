"""What a declared tree is made of, and how to put its pieces together again."""

from collections.abc import Callable, Sequence
import dataclasses
import functools
from typing import Any, NamedTuple

from flax import core, linen


class Split(NamedTuple):
  """A node taken apart: its parts, their names, and what joins them again."""

  names: tuple[Any, ...]
  values: tuple[Any, ...]
  make: Callable[[Sequence[Any]], Any]


def split(node: Any) -> Split | None:
  """Takes one node apart, or returns None for a leaf.

  Args:
    node: A Linen module, a dataclass, a dict, a list or a tuple; anything else
      is a leaf.

  Returns:
    The names and values of the parts, and `make(values)`, which joins them to
    a node that hashes: lists become tuples, dicts become FrozenDicts, modules
    get no parent and keep their name.

  Example:
    >>> names, values, make = split([3, 5])
    >>> names, make([4, 6])
    ((0, 1), (4, 6))
  """
  if isinstance(node, dict | core.FrozenDict):
    names = tuple(node)
    return Split(names, tuple(node.values()), functools.partial(_dict, names))
  if isinstance(node, tuple) and hasattr(node, '_fields'):
    make = functools.partial(_namedtuple, type(node))
    return Split(node._fields, tuple(node), make)
  if isinstance(node, list) or type(node) is tuple:
    return Split(tuple(range(len(node))), tuple(node), tuple)
  if dataclasses.is_dataclass(node) and not isinstance(node, type):
    fixed = {}
    if isinstance(node, linen.Module):
      fixed = {'parent': None, 'name': node.name}
    names = tuple(
      f.name for f in dataclasses.fields(node) if f.init and f.name not in fixed
    )
    # None: a node may be looked at while its constructor still sets fields.
    values = tuple(getattr(node, name, None) for name in names)
    return Split(
      names, values, functools.partial(call, type(node), names, fixed)
    )
  return None


def call(
  function: Callable[..., Any],
  names: Sequence[str],
  fixed: dict[str, Any],
  values: Sequence[Any],
) -> Any:
  """Calls a function with values under names, and further fixed arguments."""
  return function(**dict(zip(names, values, strict=True)), **fixed)


def find(node: Any, match: Callable[[Any], bool]) -> Any:
  """Returns the first node, from the root down, that matches, or None."""
  if match(node):
    return node
  for value in parts.values if (parts := split(node)) else ():
    found = find(value, match)
    if found is not None:
      return found
  return None


def same(a: Any, b: Any) -> bool:
  """Whether two trees are equal, choices compared by what they offer.

  Example:
    >>> same((1, [2]), (1, [2])), same((1,), (True,))
    (True, False)
  """
  if a is b:
    return True
  if type(a) is not type(b):
    return False
  if isinstance(a, linen.Module) and a.name != b.name:
    return False
  x, y = split(a), split(b)
  if x is not None and y is not None:
    return x.names == y.names and all(map(same, x.values, y.values))
  try:
    return bool(a == b)
  except (TypeError, ValueError):  # arrays and the like have no one truth
    return False


def _dict(names: Sequence[Any], values: Sequence[Any]) -> core.FrozenDict:
  return core.FrozenDict(zip(names, values, strict=True))


def _namedtuple(cls: Callable[..., Any], values: Sequence[Any]) -> Any:
  return cls(*values)
