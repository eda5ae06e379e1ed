"""Keys of the blocks of a network, as a table of blocks has them."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import json
from typing import Any, NamedTuple

from flax import linen
import jax
import numpy as np

from effnas.footprint import inputs
from effnas.space import labels


class Block(NamedTuple):
  """One call of a module.

  Attributes:
    path: Module path, '' for the network itself.
    key: What a table of blocks has for it.
    params: Whether it has parameters of its own, not only its parts.
    call: Numbers of the calls it is inside of, its own last.
  """

  path: str
  key: str
  params: bool
  call: tuple[int, ...]


def blocks(
  net: linen.Module,
  input_shape: Sequence[int],
  *,
  input_dtype: Any = 'float32',
) -> list[Block]:
  """Lists the calls of modules, the outer before the inner.

  Whoever measures blocks for a table finds their keys here.

  Args:
    net: A Linen module; `net(x)` is inference.
    input_shape: Shape of one example, without the batch.
    input_dtype: dtype of the input.

  Returns:
    A row for each call.

  Example:
    >>> net = linen.Sequential([linen.Dense(8), linen.relu])
    >>> [(b.path, b.params) for b in blocks(net, (4,))]
    [('', False), ('layers_0', True)]
    >>> blocks(net, (4,))[1].key
    '{"block": "Dense", "fields": {"features": 8}, "input": [[4]]}'
  """
  found: list[Block] = []
  open_calls: list[int] = []

  def intercept(call, args, kwargs, context):
    module = context.module
    if context.method_name != '__call__':
      return call(*args, **kwargs)
    arrays = [a for a in (*args, *kwargs.values()) if hasattr(a, 'shape')]
    key = of(module, [a.shape[1:] for a in arrays])
    place = len(found)
    open_calls.append(place)
    found.append(Block('/'.join(module.path), key, False, tuple(open_calls)))
    result = call(*args, **kwargs)
    open_calls.pop()
    own = module.variables.get('params', {})
    found[place] = found[place]._replace(
      params=any(not isinstance(v, Mapping) for v in own.values())
    )
    return result

  def run(variables, x):
    with linen.intercept_methods(intercept):
      return net.apply(variables, x)

  x = jax.ShapeDtypeStruct(inputs.shape(input_shape), np.dtype(input_dtype))
  key = jax.eval_shape(lambda: jax.random.key(0))
  jax.eval_shape(run, jax.eval_shape(net.init, key, x), x)
  return found


def of(module: linen.Module, input_shapes: Sequence[Any]) -> str:
  """Returns a module and what it takes as JSON: the key in a table of blocks.

  Args:
    module: A Linen module.
    input_shapes: Shape of each input, without the batch.

  Returns:
    An object: its class as 'block', its 'fields' that differ from their
    defaults, if any, and the shapes as 'input'.

  Example:
    >>> of(linen.Conv(8, (3, 3)), [(32, 32, 3)])
    '{"block": "Conv", "fields": {"features": 8, "kernel_size": [3, 3]},
      "input": [[32, 32, 3]]}'
  """
  shapes = [[int(n) for n in shape] for shape in input_shapes]
  described = _described(module) | {'input': shapes}
  return json.dumps(described, sort_keys=True)


def _described(value: Any) -> Any:
  """A JSON value that stands for a field's."""
  if isinstance(value, linen.Module):
    fields = dict(_changed(value))
    return {'block': type(value).__name__} | (
      {'fields': fields} if fields else {}
    )
  if isinstance(value, Mapping):
    return {str(k): _described(v) for k, v in value.items()}
  if isinstance(value, list | tuple):
    return [_described(v) for v in value]
  return value if labels.is_scalar(value) else labels.label(value)


def _changed(module: linen.Module) -> Iterator[tuple[str, Any]]:
  for field in dataclasses.fields(module):
    if field.name in ('parent', 'name'):
      continue
    value = _described(getattr(module, field.name))
    default = field.default
    if default is not dataclasses.MISSING and _described(default) == value:
      continue
    yield field.name, value
