"""What is kept of one trace: of a network, or of a chain beside its links."""

from collections.abc import Callable, Iterator, Sequence
import dataclasses
import functools
import math
from typing import Any, NamedTuple

from flax import linen
from flax.core import meta
import jax

from effnas import jaxprs
from effnas.footprint import file_size
from effnas.footprint.program import count, memory, ops
from effnas.footprint.program import work as work_lib

Works = tuple[work_lib.Work, ...]
Path = tuple[str, ...]
HOLE = 'hole'
_hole = jaxprs.primitive(
  HOLE, lambda x, *, shape, dtype: x.update(shape=shape, dtype=dtype)
)


class Array(NamedTuple):
  """Shape and dtype of an array."""

  shape: tuple[int, ...]
  dtype: str


class _Reached(Exception):
  """Ends a trace where the first link stands."""


class Hole(linen.Module):
  """Stands where a link of a chain stands, and does none of its work.

  Its variable, of no elements, tells the path under which the link's stand.

  Attributes:
    output: What the last link of the chain gives; None ends the trace.
  """

  output: Array | None = None

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps any array to one of the shape of the last link's result."""
    if self.output is None:
      raise _Reached(Array(x.shape, x.dtype.name))
    self.variable(HOLE, HOLE, jax.numpy.zeros, 0)
    return _hole(x, shape=self.output.shape, dtype=self.output.dtype)


class Event(NamedTuple):
  """The operations of one kind in one module, one after another.

  Attributes:
    path: Of the module.
    kind: A kind of `ops.Op`.
    macs: Multiply-accumulates.
  """

  path: str
  kind: str
  macs: int


@dataclasses.dataclass(frozen=True, eq=False)
class Piece:
  """What is kept of one trace.

  Attributes:
    macs: Multiply-accumulates.
    peak_memory_bytes: Without what the links need.
    leaves: Variables by path, collection first.
    inputs: Elements of what it is given.
    output: Of the whole, where it is a single array.
    events: In the order of the program: those before the first link, those
      between it and the next one, and so on.
    unknown: (primitive, path) of what could not be counted.
    work: What a latency is made of.
    holes: For each link, the path of its variables, and the bytes that are
      alive while it runs beside what it reads and gives.
  """

  macs: int
  peak_memory_bytes: int
  leaves: dict[Path, jax.ShapeDtypeStruct]
  inputs: int
  output: Array | None
  events: tuple[tuple[Event, ...], ...]
  unknown: tuple[tuple[str, str], ...]
  work: Works
  holes: tuple[tuple[str, int], ...]
  _totals: dict[str, Any] = dataclasses.field(default_factory=dict)

  def total(self, name: str, of: Callable[[Works], Any]) -> Any:
    """Returns a figure of the work, as `profile.Profile.total`."""
    if name not in self._totals:
      self._totals[name] = of(self.work)
    return self._totals[name]

  @functools.cached_property
  def file(self) -> file_size.Own | None:
    """The tensors of the weights file, where sizes of such add up."""
    return file_size.own(self.leaves)

  @functools.cached_property
  def params(self) -> int:
    """Trainable parameters."""
    return sum(
      math.prod(leaf.shape)
      for path, leaf in self.leaves.items()
      if path[0] == 'params'
    )


def entry(
  net: linen.Module, given: Array, arguments: tuple[Any, ...] = ()
) -> Array | None:
  """Returns what the first link of a chain is given.

  Args:
    net: The chain, with a `Hole` of no output for its links.
    given: Its input.
    arguments: Further ones of its call.

  Returns:
    Shape and dtype, or None where the hole is not reached.
  """
  try:
    _variables(net, given, arguments)
  except _Reached as reached:
    return reached.args[0]
  return None


def trace(
  net: linen.Module, given: Array, arguments: tuple[Any, ...] = ()
) -> Piece:
  """Traces a network in inference; nothing is allocated.

  Args:
    net: A Linen module; `Hole`s may stand in it.
    given: Its input.
    arguments: Further ones of its call.

  Returns:
    What is kept.
  """
  x = jax.ShapeDtypeStruct(*given)
  variables = _variables(net, given, arguments)
  leaves = {
    tuple(_name(key) for key in path): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(meta.unbox(variables))
  }
  jaxpr, outputs = jax.make_jaxpr(
    lambda variables, x: net.apply(variables, x, *arguments), return_shape=True
  )(variables, x)
  modules = {p[1:i] for p in leaves for i in range(1, len(p))}
  program = count.trace(jaxpr, len(leaves), _finder(modules))
  for op in program[0]:
    if op.primitive == HOLE:
      op.kind = HOLE  # its result is stored, it does no work
  levels = memory.levels(*program)
  peak = levels[0]
  segments: list[list[ops.Op]] = [[]]
  holes = []
  for op, level in zip(program[0], levels[1:], strict=True):
    if op.kind != HOLE:
      segments[-1].append(op)
      peak = max(peak, level)
      continue
    ends = sum(b.nbytes for b in (*op.inputs, *op.outputs))
    holes.append((op.path, max(0, level - ends)))
    segments.append([])
  own = [op for segment in segments for op in segment]
  single = isinstance(outputs, jax.ShapeDtypeStruct)
  return Piece(
    macs=sum(op.macs for op in own),
    peak_memory_bytes=peak,
    leaves={p: leaf for p, leaf in leaves.items() if p[0] != HOLE},
    inputs=sum(b.elements for b in program[1] if not b.weight),
    output=Array(outputs.shape, outputs.dtype.name) if single else None,
    events=tuple(tuple(_events(segment)) for segment in segments),
    unknown=tuple((o.primitive, o.path) for o in own if count.unknown([o])),
    work=tuple(w for w in work_lib.work(*program) if w.kind != HOLE),
    holes=tuple(holes),
  )


def _variables(net: linen.Module, given: Array, arguments: tuple) -> Any:
  x = jax.ShapeDtypeStruct(*given)
  key = jax.eval_shape(lambda: jax.random.key(0))
  return jax.eval_shape(lambda key, x: net.init(key, x, *arguments), key, x)


def _name(key: Any) -> str:
  for kind in ('key', 'name', 'idx'):  # of a dict, a dataclass, a sequence
    if hasattr(key, kind):
      return str(getattr(key, kind))
  return ''


def _events(segment: Sequence[ops.Op]) -> Iterator[Event]:
  macs: dict[tuple[str, str], int] = {}
  for op in segment:
    at = (op.path, op.kind)
    macs[at] = macs.get(at, 0) + op.macs
  for (path, kind), n in macs.items():
    yield Event(path, kind, n)


def _finder(modules: set[Path]) -> Callable[[count.Names], str]:
  """Returns the function from scope names to the path of a known module.

  Scopes are more than modules: the class of the network, wrappers that share
  their module's variables, `einsum` formulas. A name is a step down if such a
  module owns variables; a module shared from further up is found from there.
  """

  @functools.cache
  def find(names: count.Names) -> str:
    at: Path = ()
    for scope in names:
      name = scope.split('.')[0]  # 'encoder.embed' is a method's scope
      for depth in range(len(at), -1, -1):
        if (*at[:depth], name) in modules:
          at = (*at[:depth], name)
          break
    return '/'.join(at)

  return find
