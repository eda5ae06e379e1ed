"""From a declared tree to a plan, once; subtrees without choices are built."""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
from typing import Any

from flax import linen

from effnas import errors
from effnas.space import choices, labels, placeholder, plan, structure, tree


def compile_tree(root: Any) -> tuple[plan.Node, dict[str, plan.Entry]]:
  """Compiles a declared tree.

  Args:
    root: The tree.

  Returns:
    The plan, and all its keys in the order of their declaration.

  Raises:
    UserError: Where a choice is tied by accident, two decisions have one key,
      or a dict above a choice has a key that makes no path.
  """
  entries: dict[str, plan.Entry] = {}
  return _Compiler(entries).node(root, _At()), entries


@dataclasses.dataclass(frozen=True)
class _At:
  """Where in the declared tree the compiler stands."""

  key: str = ''  # the key of an unnamed choice here
  place: str = ''  # the same before `repeat` multiplies it
  tied: bool = False
  when: plan.When = dataclasses.field(default_factory=dict)
  # One declared instance in two fields stays one instance, but only within one
  # option and one layer: a template does not share its parameters.
  built: dict[int, plan.Node] = dataclasses.field(default_factory=dict)

  def into(self, part: Any) -> '_At':
    return dataclasses.replace(
      self, key=_join(self.key, part), place=_join(self.place, part)
    )

  def given(
    self, key: str, choice: choices.Choice, allowed: Sequence[labels.Scalar]
  ) -> '_At':
    when = dict(self.when)
    if len(allowed) < len(choice.values()):
      before = when.get(key, allowed)
      when[key] = tuple(
        v for v in allowed if any(labels.equal(v, b) for b in before)
      )
    return dataclasses.replace(self, when=when, built={})


class _Compiler(placeholder.Reader):
  def __init__(self, entries: dict[str, plan.Entry]):
    self._entries = entries
    self._places: dict[int, str] = {}

  def node(self, node: Any, at: _At) -> plan.Node:
    if isinstance(node, choices.Choice):
      return self._decision(node, at)
    if isinstance(node, structure.Repeat):
      return self._layers(node, at)
    parts = (
      _lazy(node) if isinstance(node, structure.Lazy) else tree.split(node)
    )
    if parts is None:
      _check_leaf(node, at)
      return plan.Fixed(node)
    children = tuple(
      self.node(value, at.into(name))
      for name, value in zip(parts.names, parts.values, strict=True)
    )
    for name, child in zip(parts.names, children, strict=True):
      if isinstance(node, Mapping) and not isinstance(child, plan.Fixed):
        _check_dict_key(name, at)
    branch = plan.Branch(children, parts.make)
    waits = isinstance(node, structure.Lazy)
    made = branch if waits else _collapse(branch, node, parts.values)
    if waits or isinstance(node, linen.Module):
      return at.built.setdefault(id(node), made)
    return made

  def _decision(self, choice: choices.Choice, at: _At) -> plan.Decision:
    key, place, tied = at.key, at.place, at.tied
    if choice.name is not None:
      key, place, tied = choice.name, choice.name, True
    self._register(choice, plan.Entry(choice, place, tied, [at.when]), key)
    if not isinstance(choice, choices.OneOf):
      return plan.Decision(key, choice, ())
    here = dataclasses.replace(at, key=key, place=place, tied=tied)
    return plan.Decision(
      key,
      choice,
      tuple(
        self.node(option, here.given(key, choice, (label,)).into(label))
        for option, label in zip(choice.options, choice.labels, strict=True)
      ),
    )

  def _layers(self, node: structure.Repeat, at: _At) -> plan.Node:
    times = None
    numbers: tuple[int, ...]
    if isinstance(node.times, choices.Choice):
      times = self._decision(node.times, at.into('times'))
      numbers = _numbers(node.times)
    else:
      numbers = (node.times,)
    bodies = []
    for i in range(max(numbers)):
      key = _join(at.key, 'body' if node.shared else i)
      place = _join(at.place, 'body')
      layer = dataclasses.replace(at, key=key, place=place, built={})
      if times is not None:
        values = zip(times.choice.values(), numbers, strict=True)
        allowed = tuple(value for value, number in values if number > i)
        layer = layer.given(times.key, times.choice, allowed)
      bodies.append(self.node(node.body, layer))
    fixed = _values(bodies)
    if times is None and fixed is not None:
      return plan.Fixed(tuple(fixed))
    return plan.Layers(times, numbers, tuple(bodies), node.shared)

  def _register(
    self, choice: choices.Choice, new: plan.Entry, key: str
  ) -> None:
    if choice.name is None:
      first = self._places.setdefault(id(choice), new.place)
      if first != new.place:
        raise errors.UserError(
          f'one unnamed choice {choice!r} stands at {first!r} and at '
          f'{new.place!r}; for one decision give it a name (name=...), for two '
          'declare it twice'
        )
    old = self._entries.setdefault(key, new)
    if old.choice is not choice:
      if not (old.tied and new.tied and old.place == new.place):
        raise errors.UserError(
          f'two different decisions have the key {key!r}: {old.choice!r} and '
          f'{choice!r}; choose another name'
        )
      if not (tree.same(old.choice, choice) or _labelled(old.choice, choice)):
        raise errors.UserError(
          f'choices of one name are one decision and need equal options, or '
          f'equal labels=: {old.choice!r} and {choice!r}'
        )
    old.add(new.when[0])


def _labelled(a: choices.Choice, b: choices.Choice) -> bool:
  """Whether two choices were given the same labels, whatever they offer."""
  if not (isinstance(a, choices.OneOf) and isinstance(b, choices.OneOf)):
    return False
  given = a.labelled and b.labelled and len(a.labels) == len(b.labels)
  return given and all(map(labels.equal, a.labels, b.labels))


def _lazy(node: structure.Lazy) -> tree.Split:
  fixed = {}
  if isinstance(node.cls, type) and issubclass(node.cls, linen.Module):
    fixed = {'parent': None} if 'parent' not in node.fields else {}
  names = tuple(node.fields)
  make = functools.partial(tree.call, node.cls, names, fixed)
  return tree.Split(names, tuple(node.fields.values()), make)


def _collapse(made: plan.Branch, node: Any, values: Sequence[Any]) -> plan.Node:
  built = _values(made.children)
  if built is None:
    return made
  kept = all(b is v for b, v in zip(built, values, strict=True))
  if kept and not isinstance(node, list | dict | linen.Module):
    return plan.Fixed(node)
  return plan.Fixed(made.make(built))


def _values(nodes: Sequence[plan.Node]) -> list[Any] | None:
  fixed = [node.value for node in nodes if isinstance(node, plan.Fixed)]
  return fixed if len(fixed) == len(nodes) else None


def _numbers(choice: choices.Choice) -> tuple[int, ...]:
  offered = choice.options if isinstance(choice, choices.OneOf) else None
  return tuple(choice.values() if offered is None else offered)


def _check_leaf(node: Any, at: _At) -> None:
  inside: list[Any] = []
  if isinstance(node, functools.partial):
    inside = [*node.args, *node.keywords.values()]
  elif isinstance(node, set | frozenset):
    inside = list(node)
  held = tree.find(inside, lambda x: isinstance(x, placeholder.Placeholder))
  if held is not None:
    kind = type(node).__name__
    raise errors.UserError(
      f'the {kind} at {at.place or "the root"!r} hides {held!r}: a {kind} has '
      f'no fields; offer whole ones: oneof({kind}(...), {kind}(...))'
    )


def _check_dict_key(name: Any, at: _At) -> None:
  if not isinstance(name, str) or not name or '.' in name:
    raise errors.UserError(
      'keys of dicts make the paths of the choices below, so they must be '
      f'strings without dots; got {name!r} in {at.place or "the root"!r}'
    )


def _join(path: str, part: Any) -> str:
  return f'{path}.{part}' if path else str(part)
