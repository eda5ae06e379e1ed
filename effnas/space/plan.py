"""A compiled tree, and the one walk over it that everything else is made of."""

from collections.abc import Callable, Sequence
import dataclasses
from typing import Any

from effnas.space import choices, labels

When = dict[str, tuple[labels.Scalar, ...]]


@dataclasses.dataclass(frozen=True, eq=False)
class Fixed:
  """A subtree without choices, as `build` gives it."""

  value: Any


@dataclasses.dataclass(frozen=True, eq=False)
class Branch:
  """A node with choices below; `make` joins the built children."""

  children: tuple['Node', ...]
  make: Callable[[Sequence[Any]], Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Decision:
  """A choice; one node for every option, none for a range."""

  key: str
  choice: choices.Choice
  options: tuple['Node', ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Layers:
  """The first `times` of the bodies; shared ones have the same keys."""

  times: Decision | None
  numbers: tuple[int, ...]  # what the values of `times` stand for
  bodies: tuple['Node', ...]
  shared: bool


Node = Fixed | Branch | Decision | Layers
Decide = Callable[[str, choices.Choice], labels.Scalar]


@dataclasses.dataclass(eq=False)
class Entry:
  """What is known of a key.

  Attributes:
    choice: The choice.
    place: Its declared path, or what stands for it under a name.
    tied: Whether it has a name, or stands below a choice that has one.
    when: The choice is active where one of these holds; each says for some keys
      which values they must have.
  """

  choice: choices.Choice
  place: str
  tied: bool
  when: list[When]

  def add(self, when: When) -> None:
    """Adds an occurrence, unless a weaker condition covers it."""
    if any(_implies(when, known) for known in self.when):
      return
    self.when = [w for w in self.when if not _implies(w, when)] + [when]


def walk(
  node: Node,
  decide: Decide,
  make: Callable[[Branch, list[Any]], Any] = lambda node, values: None,
) -> Any:
  """Visits the active part of a plan in the order of its declaration.

  Args:
    node: Where to start.
    decide: Gives the value for a key and its choice.
    make: Joins the children of a branch; by default nothing is built.

  Returns:
    The built value of the node.
  """
  match node:
    case Fixed(value):
      return value
    case Branch(children):
      return make(node, [walk(child, decide, make) for child in children])
    case Decision(key, choice, options):
      value = decide(key, choice)
      if not isinstance(choice, choices.OneOf):
        return value
      return walk(options[choice.position(value)], decide, make)
    case Layers(times, (number, *_), bodies):
      if times is not None:
        number = walk(times, decide, make)
      return tuple(walk(body, decide, make) for body in bodies[:number])


def _implies(strong: When, weak: When) -> bool:
  return all(
    key in strong
    and all(any(labels.equal(v, w) for w in values) for v in strong[key])
    for key, values in weak.items()
  )
