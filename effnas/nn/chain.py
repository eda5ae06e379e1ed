"""Networks whose parts are applied one after another to one array.

A chain shows its parts, so that whoever looks at many networks (a footprint of
each arch of a space) looks at each distinct part once. It promises that

- each link gets what the link before it gave, as `link(x, train)`, and nothing
  else, and gives one array;
- what stands before the links does not depend on them, and what stands behind
  them reads the last one's result alone;
- no module with parameters is used in two links, unless it is the link.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from flax import linen

from effnas.nn import rewrite


class Link(NamedTuple):
  """A part of a chain, as a template and what stands in its fields there.

  Taking it apart is cheap, and tells equal links of two networks by their
  template's identity.

  Attributes:
    template: An unbound module.
    fields: (field, value) of the fields that the chain sets.

  Example:
    >>> Link(linen.Dense(3), (('features', 5),)).module().features
    5
  """

  template: linen.Module
  fields: tuple[tuple[str, Any], ...] = ()

  def module(self, **more: Any) -> linen.Module:
    """Returns the part as a module: a copy of the template, with its fields.

    Args:
      **more: Further arguments of `linen.Module.copy`, such as `name`.

    Returns:
      The copy; the template itself where nothing differs.
    """
    if not self.fields and not more and self.template.name is None:
      return self.template
    return self.template.copy(**dict(self.fields), **more)


class Chain(linen.Module):
  """A network with links; see the top of this file for what it promises."""

  @linen.nowrap
  def links(self) -> tuple[Link, ...]:
    """Returns the links in the order of their application."""
    raise TypeError(f'{type(self).__name__} does not say its links')

  @linen.nowrap
  def relinked(self, links: Sequence[linen.Module]) -> linen.Module:
    """Returns the same network with other modules for links.

    Args:
      links: Any number of modules; those of `links()` give an equal network,
        with the same names.
    """
    raise TypeError(f'{type(self).__name__} does not take links')


class FieldChain(Chain):
  """A chain whose links stand in one of its fields, as they are applied.

  Attributes:
    chained: Name of the field.

  Example:
    >>> class Net(FieldChain):
    ...   chained = 'layers'
    ...   layers: tuple[linen.Module, ...]
    ...   @linen.compact
    ...   def __call__(self, x, train=False):
    ...     for layer in self.layers:
    ...       x = layer(x)
    ...     return x.sum(-1)
    >>> [link.template.features for link in Net((linen.Dense(3),)).links()]
    [3]
  """

  chained: ClassVar[str]

  @linen.nowrap
  def links(self) -> tuple[Link, ...]:
    """Returns the modules of the field."""
    return tuple(Link(module) for module in getattr(self, self.chained))

  @linen.nowrap
  def relinked(self, links: Sequence[linen.Module]) -> linen.Module:
    """Returns a clone with other modules in the field."""
    fields: dict[str, Any] = {self.chained: tuple(links)}
    return self.clone(**fields)


def is_chain(net: linen.Module) -> bool:
  """Whether a network has links that `links` can tell.

  Args:
    net: Any module. `rewrite.Rewritten` without rules is one where its model
      is; with rules, which go by the paths of the whole, it is none.
  """
  if isinstance(net, rewrite.Rewritten):
    return not net.rules and is_chain(net.model)
  return isinstance(net, Chain)


def links(net: linen.Module) -> tuple[Link, ...]:
  """Returns the links of any network, in the order of their application.

  Args:
    net: An unbound module.

  Returns:
    The links, under `rewrite.Rewritten` each where the network is; none where
    it is no chain.
  """
  if not is_chain(net):
    return ()
  if isinstance(net, Chain):
    return net.links()
  found = links(net.model)
  wrapped = [Link(rewrite.Rewritten(link.module())) for link in found]
  return tuple(wrapped[i] for i in firsts(found))


def firsts(links: Sequence[Link]) -> tuple[int, ...]:
  """Returns for each link the first place of this very link.

  Example:
    >>> a, b = Link(linen.Dense(3)), Link(linen.Dense(3))
    >>> firsts((a, b, a))
    (0, 1, 0)
  """
  seen: dict[Any, int] = {}
  return tuple(
    seen.setdefault((id(link.template), link.fields), i)
    for i, link in enumerate(links)
  )


def relinked(
  net: linen.Module, modules: Sequence[linen.Module]
) -> linen.Module:
  """Returns a network that has links with others in their places.

  Args:
    net: A network of which `links` found some.
    modules: The other ones.

  Raises:
    TypeError: It has none.
  """
  if isinstance(net, Chain):
    return net.relinked(modules)
  if isinstance(net, rewrite.Rewritten):
    return rewrite.Rewritten(relinked(net.model, modules))
  raise TypeError(f'{type(net).__name__} is no chain')
