"""One trace of a network: its program, its variables, its modules."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from flax import linen, traverse_util
import jax
import numpy as np

from effnas import jaxprs
from effnas.compress.structured import follow, narrowed, normalised
from effnas.nn import rewrite

Path = tuple[str, ...]


class Seen(NamedTuple):
  """A module as it was called first.

  Attributes:
    module: The module, unbound, with its own fields.
    channels: Length of its input's last axis; 0 where it has none.
  """

  module: linen.Module
  channels: int


class Traced(NamedTuple):
  """What a trace of a network in inference gives.

  Attributes:
    jaxpr: The program, of the variables and two examples.
    variables: Path, collection first -> shape, in the program's order.
    modules: Path below the network -> module, in the order of their calls.
  """

  jaxpr: Any
  variables: dict[Path, jax.ShapeDtypeStruct]
  modules: dict[str, Seen]


def trace(
  net: linen.Module, input_shape: Sequence[int], dtype: Any = np.float32
) -> Traced:
  """Traces a network; nothing is allocated.

  Args:
    net: A Linen module.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Example:
    >>> traced = trace(linen.Sequential([linen.Dense(3)]), (2,))
    >>> list(traced.modules), list(traced.variables)[0]
    (['', 'layers_0'], ('params', 'layers_0', 'bias'))
  """
  variables = rewrite.abstract_variables(net, input_shape, dtype)
  modules: dict[str, Seen] = {}

  def record(next_call, args, kwargs, context):
    module = context.module
    wrapper = isinstance(module, narrowed.Narrowed | rewrite.Rewritten)
    if context.method_name == '__call__' and not wrapper:
      path = '/'.join(rewrite.path_of(module))
      given: Any = next(iter((*args, *kwargs.values())), None)
      shape = getattr(given, 'shape', ())
      seen = Seen(module.clone(parent=None), shape[-1] if shape else 0)
      modules.setdefault(path, seen)
      if normalised.is_last(module) and len(args) == 1 and not kwargs:
        return normalised.followed(module, given)
    return next_call(*args, **kwargs)

  def run(variables, x):
    with linen.intercept_methods(record):
      return net.apply(variables, x)

  x = jax.ShapeDtypeStruct((2, *input_shape), dtype)
  jaxpr = jax.make_jaxpr(run)(variables, x)
  flat = traverse_util.flatten_dict(dict(variables))
  leaves = jax.tree_util.tree_leaves_with_path(variables)
  order = [tuple(str(key.key) for key in path) for path, _ in leaves]
  return Traced(jaxpr, {path: flat[path] for path in order}, modules)


class Operation(NamedTuple):
  """An operation of a program, to compare two programs.

  Attributes:
    primitive: Its name.
    where: Path of its module.
    shapes: Of its results.
    literals: Numbers that stand in it.
  """

  primitive: str
  where: str
  shapes: tuple[tuple[int, ...], ...]
  literals: tuple[Any, ...]


def operations(jaxpr: Any, where: Path = ()) -> list[Operation]:
  """Lists a program's operations, calls entered, as `follow.Walk` has them."""
  found = []
  for eqn in jaxprs.read(jaxpr).equations:
    here = where + jaxprs.scopes(eqn)
    inner = jaxprs.called(eqn)
    if inner is not None and not eqn.primitive.name.startswith('custom_vjp'):
      found += operations(inner, here)
      continue
    shapes = tuple(tuple(getattr(v.aval, 'shape', ())) for v in eqn.outvars)
    found.append(
      Operation(follow.title(eqn), '/'.join(here), shapes, follow.literals(eqn))
    )
  return found
