"""Finding the arch of a tree without choices: the inverse of building."""

from collections.abc import Iterator, Sequence
import functools
from typing import Any

from effnas.space import choices, labels, plan, tree

Found = dict[str, labels.Scalar]


def locate(node: plan.Node, value: Any, known: Found) -> Iterator[Found]:
  """Yields the decisions under which a plan gives a value.

  Args:
    node: The plan.
    value: What it should give.
    known: Decisions that are taken already.

  Yields:
    `known` with the decisions below the node, in each way that fits.
  """
  match node:
    case plan.Fixed(fixed):
      if _alike(fixed, value):
        yield known
    case plan.Branch(children):
      parts = _parts(node, value)
      if parts is not None and len(parts) == len(children):
        yield from _all(children, parts, known)
    case plan.Decision(key, choice, options):
      yield from _decided(key, choice, options, value, known)
    case plan.Layers(times, numbers, bodies):
      if not isinstance(value, list | tuple) or len(value) not in numbers:
        return
      for taken in _all(bodies[: len(value)], value, known):
        if times is None:
          yield taken
        else:
          yield from locate(times, len(value), taken)


def _decided(
  key: str,
  choice: choices.Choice,
  options: Sequence[plan.Node],
  value: Any,
  known: Found,
) -> Iterator[Found]:
  offers: list[tuple[labels.Scalar, plan.Node]] = []
  if isinstance(choice, choices.OneOf):
    offers = list(zip(choice.labels, options, strict=True))
  elif choice.holds(value):
    offers = [(value, plan.Fixed(value))]
  for label, option in offers:
    if key not in known or labels.equal(known[key], label):
      yield from locate(option, value, {**known, key: label})


def _all(
  nodes: Sequence[plan.Node], values: Sequence[Any], known: Found
) -> Iterator[Found]:
  if not nodes:
    yield known
    return
  for taken in locate(nodes[0], values[0], known):
    yield from _all(nodes[1:], values[1:], taken)


def _parts(node: plan.Branch, value: Any) -> Sequence[Any] | None:
  """Returns the parts of a value which a branch would join to it."""
  make = node.make
  if isinstance(make, functools.partial) and make.func is tree.call:
    made, names, _ = make.args
    if not isinstance(made, type) or type(value) is not made:
      return None
    return [getattr(value, name, None) for name in names]
  parts = tree.split(value)
  if parts is None:
    return None
  empty = make([None] * len(node.children))
  return parts.values if _alike_kind(empty, parts.make(parts.values)) else None


def _alike_kind(a: Any, b: Any) -> bool:
  """Whether two joined nodes are of one type, with the same names."""
  x, y = tree.split(a), tree.split(b)
  same = x is not None and y is not None and x.names == y.names
  return same and type(a) is type(b)


def _alike(a: Any, b: Any) -> bool:
  """Whether two trees are equal, lists and tuples being the same."""
  x, y = tree.split(a), tree.split(b)
  if x is None or y is None:
    return tree.same(a, b)
  if type(x.make(x.values)) is not type(y.make(y.values)):
    return False
  return x.names == y.names and all(
    _alike(i, j) for i, j in zip(x.values, y.values, strict=True)
  )
