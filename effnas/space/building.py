"""Builds many archs of one space, equal subtrees as one and the same object."""

from collections.abc import Callable, Iterable, Mapping
import itertools
import math
import operator
from typing import Any

from effnas.space import choices, plan

# A subtree's object for an arch; notes the keys of the decisions it took.
_Make = Callable[[Mapping[str, Any], set[str]], Any]
# A node with more variants than this forgets them from tree to tree: a search
# draws a stage again and again, but hardly ever a whole large network.
_KEPT = 4096


class Stray(Exception):
  """A value that the plan does not know; the arch is of another space."""


def builder(root: plan.Node) -> Callable[[Mapping[str, Any]], Any]:
  """Compiles a plan to a function.

  Args:
    root: The plan.

  Returns:
    A function from an arch to what `plan.walk` would build. Objects are shared
    between archs, and the function remembers them: some thousands at each node.
    Other archs than the plan's raise `Stray`.
  """
  compiler = _Compiler()
  make, _ = compiler.node(root)

  def build(arch: Mapping[str, Any]) -> Any:
    if not isinstance(arch, Mapping):
      raise Stray
    for memory in compiler.passing:
      memory.clear()
    used: set[str] = set()
    made = make(arch, used)
    if len(used) != len(arch):
      raise Stray
    return made

  return build


class _Compiler:
  """Makes functions of nodes.

  Attributes:
    passing: What is remembered within a tree only: an instance declared once
      is one, wherever it stands.
  """

  def __init__(self) -> None:
    self.passing: list[dict] = []
    self._made: dict[plan.Node, tuple[_Make, float]] = {}

  def node(self, node: plan.Node) -> tuple[_Make, float]:
    """Returns the function of a node, and at most how many variants it has."""
    if node not in self._made:
      self._made[node] = self._compile(node)
    return self._made[node]

  def _compile(self, node: plan.Node) -> tuple[_Make, float]:
    match node:
      case plan.Fixed(value):
        return lambda arch, used: value, 1
      case plan.Branch(children, join):
        return self._branch(children, join)
      case plan.Decision():
        return self._decision(node)
      case plan.Layers():
        return self._layers(node)

  def _branch(
    self, children: tuple[plan.Node, ...], join: Any
  ) -> tuple[_Make, float]:
    template = [getattr(child, 'value', None) for child in children]
    places = [
      i for i, child in enumerate(children) if not isinstance(child, plan.Fixed)
    ]
    makes, variants = _split(self.node(children[i]) for i in places)
    memory = self._memory(math.prod(variants))

    def make(arch, used):
      values = [child(arch, used) for child in makes]
      key = tuple(map(id, values))
      if key not in memory:
        whole = template.copy()
        for i, value in zip(places, values, strict=True):
          whole[i] = value
        memory[key] = join(whole), values  # an identity lasts with its object
      return memory[key][0]

    return make, math.prod(variants)

  def _decision(self, node: plan.Decision) -> tuple[_Make, float]:
    key, choice = node.key, node.choice
    if not isinstance(choice, choices.OneOf):

      def number(arch, used):
        used.add(key)
        if key not in arch or not choice.holds(arch[key]):
          raise Stray
        return arch[key]

      return number, math.inf

    makes, variants = _split(map(self.node, node.options))
    options = {
      (type(label), label): make
      for label, make in zip(choice.labels, makes, strict=True)
    }

    def decide(arch, used):
      used.add(key)
      try:
        value = arch[key]
        option = options[type(value), value]
      except (KeyError, TypeError):  # missing; no option; does not hash
        raise Stray from None
      return option(arch, used)

    return decide, sum(variants)

  def _layers(self, node: plan.Layers) -> tuple[_Make, float]:
    makes, variants = _split(map(self.node, node.bodies))
    times = None if node.times is None else self.node(node.times)[0]
    most = sum(itertools.accumulate(variants, operator.mul, initial=1))
    memory = self._memory(most)

    def make(arch, used):
      number = node.numbers[0] if times is None else times(arch, used)
      values = tuple([body(arch, used) for body in makes[:number]])
      # Equal layers are one tuple, so that what holds them is one object.
      return memory.setdefault(tuple(map(id, values)), values)

    return make, most

  def _memory(self, variants: float) -> dict:
    memory: dict = {}
    if variants > _KEPT:
      self.passing.append(memory)
    return memory


def _split(
  pairs: Iterable[tuple[_Make, float]],
) -> tuple[list[_Make], list[float]]:
  makes, variants = [], []
  for make, number in pairs:
    makes.append(make)
    variants.append(number)
  return makes, variants
