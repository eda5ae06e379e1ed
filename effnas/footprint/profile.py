"""Profiles of Linen networks; what stands in many networks is traced once.

A network that is a chain (`effnas.nn.chain`) is profiled link by link. What it
costs is the sum over its links and what stands around them; its peak memory is
the greatest of theirs. What one link gives the next is stored, so nothing is
fused across the boundary.
"""

from collections.abc import Callable, Iterator
import functools
from typing import Any, NamedTuple
import weakref

from flax import linen
import jax

from effnas.footprint import file_size, piece, weights
from effnas.footprint.program import ops
from effnas.nn import chain, once

# Further arguments of a link's call: a chain says that it does not train.
_INFERENCE = (False,)


class Seen:
  """Profiles of links that networks share as the same objects.

  They are found by the identity of a link's template, which takes no time, and
  forgotten with it.
  """

  def __init__(self) -> None:
    """Starts with none."""
    self._found: dict[Any, tuple[weakref.ref, Profile]] = {}

  def get(self, link: chain.Link, given: piece.Array) -> 'Profile | None':
    """Returns the profile of a link with an input, or None."""
    found = self._found.get((id(link.template), link.fields, given))
    return found[1] if found else None

  def add(self, link: chain.Link, given: piece.Array, found: 'Profile') -> None:
    """Remembers the profile of a link with an input."""
    key = (id(link.template), link.fields, given)

    def forget(_):
      self._found.pop(key, None)

    self._found[key] = weakref.ref(link.template, forget), found


def profile(
  net: linen.Module,
  shape: tuple[int, ...],
  dtype: str,
  seen: Seen | None = None,
) -> 'Profile':
  """Profiles a network in inference; equal parts are traced once.

  Args:
    net: A Linen module.
    shape: Shape of the input, batch included.
    dtype: dtype of the input.
    seen: What networks have in common as the same objects; is added to.

  Returns:
    The profile.
  """
  return _profile(net, piece.Array(shape, dtype), (), seen or Seen())


def _profile(
  net: linen.Module, given: piece.Array, arguments: tuple, seen: Seen
) -> 'Profile':
  links = chain.links(net)
  if links:
    bare = chain.relinked(net, ())
    found: list[Profile] = []
    at = once.once(_entry, bare, given, arguments)
    for link in links:
      if at is not None:
        found.append(_link(link, at, seen))
        at = found[-1].output
    if at is not None:
      firsts = chain.firsts(links)
      frame = once.once(_frame, bare, firsts, given, at, arguments)
      if len(frame.holes) == len(links):
        return Profile(frame, tuple(found))
  return once.once(_whole, net, given, arguments)


def _link(link: chain.Link, given: piece.Array, seen: Seen) -> 'Profile':
  try:
    hash(link.fields)
  except TypeError:
    return _profile(link.module(), given, _INFERENCE, seen)
  found = seen.get(link, given)
  if found is None:
    if chain.is_chain(link.template):
      found = _profile(link.module(), given, _INFERENCE, seen)
    else:
      found = once.once(_single, link.template, link.fields, given)
    seen.add(link, given, found)
  return found


@functools.lru_cache(maxsize=512)
def _whole(
  net: linen.Module, given: piece.Array, arguments: tuple
) -> 'Profile':
  return Profile(piece.trace(net, given, arguments))


# Links are smaller than networks, and there are more of them.
@functools.lru_cache(maxsize=4096)
def _single(
  template: linen.Module, fields: tuple, given: piece.Array
) -> 'Profile':
  """Profiles a link that is no chain."""
  module = chain.Link(template, fields).module()
  return Profile(piece.trace(module, given, _INFERENCE))


@functools.lru_cache(maxsize=4096)
def _entry(
  bare: linen.Module, given: piece.Array, arguments: tuple
) -> piece.Array | None:
  """Returns what a chain gives its first link."""
  net = chain.relinked(bare, [piece.Hole()])
  return piece.entry(net, given, arguments)


@functools.lru_cache(maxsize=4096)
def _frame(
  bare: linen.Module,
  firsts: tuple[int, ...],
  given: piece.Array,
  output: piece.Array,
  arguments: tuple,
) -> piece.Piece:
  """Traces a chain whose links are holes."""
  holes = [piece.Hole(output) for _ in firsts]
  net = chain.relinked(bare, [holes[i] for i in firsts])
  return piece.trace(net, given, arguments)


class Layer(NamedTuple):
  """One row of a network's table.

  Attributes:
    path: Module path, '' for the network itself.
    kind: What most of its work is: a kind of `ops.Op`.
    macs: Multiply-accumulates for one example.
    params: Trainable parameters of its own.
    bytes: Bytes of all variables of its own, at their dtypes.
  """

  path: str
  kind: str
  macs: int
  params: int
  bytes: int


class Profile:
  """What is remembered of a network: a piece, and the profiles of its links.

  Attributes:
    own: What was traced here.
    links: Path and profile of each link.
    output: What the network gives, where it is a single array.
    params: Trainable parameters.
    macs: Multiply-accumulates.
    peak_memory_bytes: Activations that are alive at the same time.
    bare: Whether it has no variables.
  """

  def __init__(self, own: piece.Piece, links: 'tuple[Profile, ...]' = ()):
    """Joins what was traced of a network with its links, in their order."""
    self.own = own
    self.output = own.output
    self.params, self.macs = own.params, own.macs
    self.peak_memory_bytes = own.peak_memory_bytes
    self.bare = not own.leaves
    placed: list[tuple[str, Profile]] = []
    seen: set[str] = set()
    for (path, beside), link in zip(own.holes, links, strict=True):
      if path not in seen:  # a link that stands twice has its parameters once
        seen.add(path)
        self.params += link.params
      self.macs += link.macs
      self.peak_memory_bytes = max(
        self.peak_memory_bytes, beside + link.peak_memory_bytes
      )
      self.bare &= link.bare
      # A path leads to variables, so what has none is its parent's.
      placed.append((path.rpartition('/')[0] if link.bare else path, link))
    self.links = tuple(placed)
    self._totals: dict[str, Any] = {}

  def total(self, name: str, of: Callable[[piece.Works], Any]) -> Any:
    """Adds up a figure of the work, once for each piece.

    Args:
      name: Of the figure, for which nothing else is ever added up.
      of: Its value for the work of a piece; it can be added.

    Returns:
      The sum. Always added in the same order, so that it is the same number
      for the same network, whatever else was profiled.
    """
    if name not in self._totals:
      found = self.own.total(name, of)
      for _, link in self.links:
        found = found + link.total(name, of)
      self._totals[name] = found
    return self._totals[name]

  def total_by_path(
    self,
    of: Callable[[piece.Works, str], Any],
    path: str = '',
  ) -> Any:
    """Adds up a figure that depends on where the work is, in the same order.

    Args:
      of: Its value for the work of a piece below a path.
      path: Of this network.

    Returns:
      The sum.
    """
    found = of(self.own.work, path)
    for at, link in self.links:
      found = found + link.total_by_path(of, join(path, at))
    return found

  @functools.cached_property
  def leaves(self) -> dict[piece.Path, jax.ShapeDtypeStruct]:
    """Variables by path, collection first."""
    found = dict(self.own.leaves)
    for at, link in self.links:
      names = tuple(at.split('/'))
      for (collection, *path), leaf in link.leaves.items():
        found[collection, *names, *path] = leaf
    return found

  @functools.cached_property
  def file(self) -> file_size.Part | None:
    """The tensors of the weights file, where they add up."""
    # A link that stands twice has its tensors once.
    links = {path: link.file for path, link in self.links if not link.bare}
    return file_size.joined(self.own.file, links.items())

  @functools.cached_property
  def size_bytes(self) -> int:
    """Bytes of the weights file."""
    if self.file is not None:
      return self.file.size_bytes
    variables: dict[str, Any] = {}
    for (*parents, last), leaf in self.leaves.items():
      place = variables
      for name in parents:
        place = place.setdefault(name, {})
      place[last] = leaf
    return weights.size_bytes(variables)

  @functools.cached_property
  def products(self) -> tuple[tuple[str, str, int], ...]:
    """(path, kind, MACs) of what computes products, in order."""
    found: dict[tuple[str, str], int] = {}
    for path, kind, macs in self.events():
      if macs:
        found[path, kind] = found.get((path, kind), 0) + macs
    return tuple((path, kind, macs) for (path, kind), macs in found.items())

  @functools.cached_property
  def unknown(self) -> tuple[str, ...]:
    """'primitive at path' of what could not be counted, in order."""
    found = dict.fromkeys(self.strange())
    return tuple(f'{name} at {path or "/"}' for name, path in found)

  @functools.cached_property
  def layers(self) -> tuple[Layer, ...]:
    """The modules that compute products or own variables, in order."""
    own: dict[str, list[int]] = {}
    for (collection, *names), leaf in self.leaves.items():
      counts = own.setdefault('/'.join(names[:-1]), [0, 0])
      counts[0] += leaf.size if collection == 'params' else 0
      counts[1] += ops.nbytes(tuple(leaf.shape), leaf.dtype)
    macs: dict[str, int] = {}
    kinds: dict[str, str] = {}
    for path, kind, n in sorted(self.products, key=lambda row: -row[2]):
      macs[path] = macs.get(path, 0) + n
      kinds.setdefault(path, kind)
    order = dict.fromkeys(e.path for e in self.events())
    for path, kind, _ in self.events():
      if kind != 'view':
        kinds.setdefault(path, kind)
    order |= dict.fromkeys(sorted(own))
    return tuple(
      Layer(p, kinds.get(p, 'data'), macs.get(p, 0), *own.get(p, (0, 0)))
      for p in order
      if p in macs or p in own
    )

  def events(self, path: str = '') -> Iterator[piece.Event]:
    """Goes through the operations below a path, in order."""
    first, *others = self.own.events
    for event in first:
      yield event._replace(path=join(path, event.path))
    for (at, link), segment in zip(self.links, others, strict=True):
      yield from link.events(join(path, at))
      for event in segment:
        yield event._replace(path=join(path, event.path))

  def strange(self, path: str = '') -> Iterator[tuple[str, str]]:
    """Goes through (primitive, path) of what could not be counted."""
    for name, at in self.own.unknown:
      yield name, join(path, at)
    for at, link in self.links:
      yield from link.strange(join(path, at))


def join(path: str, below: str) -> str:
  """Joins two module paths, either of which may be the root's, ''."""
  return f'{path}/{below}' if path and below else path or below
