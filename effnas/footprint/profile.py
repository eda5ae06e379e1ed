"""Traces a Linen network and keeps what its footprint needs, once a network."""

from collections.abc import Callable
import dataclasses
import functools
import math
from typing import NamedTuple

from flax import linen
import jax

from effnas.footprint import count, memory, ops, roofline, weights


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


@dataclasses.dataclass(frozen=True)
class Profile:
  """What is remembered of a traced network."""

  params: int
  macs: int
  size_bytes: int
  peak_memory_bytes: int
  layers: tuple[Layer, ...]
  products: tuple[tuple[str, str, int], ...]
  unknown: tuple[str, ...]
  work: tuple[roofline.Work, ...]


def profile(net: linen.Module, shape: tuple[int, ...], dtype: str) -> Profile:
  """Profiles a network in inference; equal networks are traced once.

  Args:
    net: A Linen module.
    shape: Shape of the input, batch included.
    dtype: dtype of the input.

  Returns:
    The profile.
  """
  try:
    hash(net)
  except TypeError:  # a list or an array in a field: traced every time
    return _traced.__wrapped__(net, shape, dtype)
  return _traced(net, shape, dtype)


@functools.lru_cache(maxsize=512)
def _traced(net: linen.Module, shape: tuple[int, ...], dtype: str) -> Profile:
  x = jax.ShapeDtypeStruct(shape, dtype)
  key = jax.eval_shape(lambda: jax.random.key(0))
  variables = jax.eval_shape(net.init, key, x)
  leaves = {
    tuple(getattr(k, 'key', getattr(k, 'name', '')) for k in path): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables)
  }
  jaxpr = jax.make_jaxpr(net.apply)(variables, x)
  modules = {p[1:i] for p in leaves for i in range(1, len(p))}
  program = count.trace(jaxpr, len(leaves), _finder(modules))
  products: dict[tuple[str, str], int] = {}
  for op in program[0]:
    if op.macs:
      at = (op.path, op.kind)
      products[at] = products.get(at, 0) + op.macs
  rows = tuple((path, kind, macs) for (path, kind), macs in products.items())
  return Profile(
    params=sum(
      math.prod(leaf.shape) for p, leaf in leaves.items() if p[0] == 'params'
    ),
    macs=sum(macs for _, _, macs in rows),
    size_bytes=weights.size_bytes(variables),
    peak_memory_bytes=memory.peak(*program),
    layers=_layers(program[0], rows, leaves),
    products=rows,
    unknown=tuple(count.unknown(program[0])),
    work=roofline.work(*program),
  )


def _finder(modules: set[tuple[str, ...]]) -> Callable[[count.Names], str]:
  """Returns the function from scope names to the path of a known module.

  Scopes are more than modules: the class of the network, wrappers that share
  their module's variables, `einsum` formulas. A name is a step down if such a
  module owns variables; a module shared from further up is found from there.
  """

  @functools.cache
  def find(names: count.Names) -> str:
    at: tuple[str, ...] = ()
    for scope in names:
      name = scope.split('.')[0]  # 'encoder.embed' is a method's scope
      for depth in range(len(at), -1, -1):
        if (*at[:depth], name) in modules:
          at = (*at[:depth], name)
          break
    return '/'.join(at)

  return find


def _layers(program, products, leaves) -> tuple[Layer, ...]:
  own: dict[str, list[int]] = {}
  for (collection, *path), leaf in leaves.items():
    counts = own.setdefault('/'.join(path[:-1]), [0, 0])
    counts[0] += math.prod(leaf.shape) if collection == 'params' else 0
    counts[1] += ops.nbytes(tuple(leaf.shape), leaf.dtype)
  macs: dict[str, int] = {}
  kinds: dict[str, str] = {}
  for path, kind, n in sorted(products, key=lambda row: -row[2]):
    macs[path] = macs.get(path, 0) + n
    kinds.setdefault(path, kind)
  for op in program:
    if op.kind != 'view':
      kinds.setdefault(op.path, op.kind)
  order = dict.fromkeys([op.path for op in program] + sorted(own))
  return tuple(
    Layer(p, kinds.get(p, 'data'), macs.get(p, 0), *own.get(p, (0, 0)))
    for p in order
    if p in macs or p in own
  )
