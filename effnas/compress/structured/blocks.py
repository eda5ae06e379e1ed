"""Whole blocks that can be taken out: those that add to their input.

Reference:
  Veit et al., 2016, Residual Networks Behave Like Ensembles of Relatively
  Shallow Networks, https://arxiv.org/abs/1605.06431
"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import functools
from typing import Any

from flax import linen
import jax
import numpy as np

from effnas import errors, jaxprs
from effnas.compress.structured import narrowed
from effnas.nn import once, rewrite

_mark = jaxprs.primitive('mark', lambda x, *, path, end: x)
_SUMS = frozenset({'add', 'add_any', 'max', 'min'})
_SAME = frozenset({'convert_element_type', 'copy', 'sub'})


def layers(
  net: linen.Module, input_shape: Sequence[int], dtype: Any = np.float32
) -> tuple[str, ...]:
  """Finds the blocks that a network works without.

  Args:
    net: A Linen module.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    Paths of the modules with variables whose result is their input plus
    something, under an activation at most; in the order of their ends, so that
    a block in another comes before it.

  Example:
    >>> from effnas.nn.blocks import residual
    >>> net = linen.Sequential([residual.Basic(8), residual.Basic(8)])
    >>> layers(net, (8, 8, 4))  # the first one changes the channels
    ('layers_1',)
  """
  return once.once(_layers, net, tuple(input_shape), np.dtype(dtype).name)


@functools.lru_cache(maxsize=64)
def _layers(net, input_shape, dtype):
  variables = rewrite.abstract_variables(net, input_shape, dtype)
  owners = {
    tuple(str(key.key) for key in path[1:i])
    for path, _ in jax.tree_util.tree_leaves_with_path(variables)
    for i in range(2, len(path))
  }

  def marked(next_call, args, kwargs, context):
    path = rewrite.path_of(context.module)
    plain = context.method_name == '__call__' and path in owners
    if not plain or not args or not hasattr(args[0], 'shape'):
      return next_call(*args, **kwargs)
    x = _mark(args[0], path='/'.join(path), end=False)
    y = next_call(x, *args[1:], **kwargs)
    if getattr(y, 'shape', None) != x.shape or y.dtype != x.dtype:
      return y
    return _mark(y, path='/'.join(path), end=True)

  def run(variables, x):
    with linen.intercept_methods(marked):
      return net.apply(variables, x)

  x = jax.ShapeDtypeStruct((2, *input_shape), dtype)
  jaxpr = jax.make_jaxpr(run)(variables, x)
  found: dict[str, None] = {}
  _carried(jaxpr, [frozenset()] * len(jaxprs.read(jaxpr).inputs), found)
  return tuple(found)


def _carried(jaxpr, inputs, found):
  """Which open blocks' inputs a value is a sum with."""
  program = jaxprs.read(jaxpr)
  env = dict(zip(program.inputs, inputs, strict=True))

  def read(v):
    return frozenset() if jaxprs.is_literal(v) else env.get(v, frozenset())

  for eqn in program.equations:
    ins = [read(v) for v in eqn.invars]
    name, inner = jaxprs.name(eqn), jaxprs.called(eqn)
    outs: list[frozenset] = [frozenset()] * len(eqn.outvars)
    if name == 'mark':
      path = eqn.params['path']
      if not eqn.params['end']:
        outs = [ins[0] | {path}]
      else:
        if path in ins[0]:
          found[path] = None
        outs = [ins[0] - {path}]
    elif inner is not None and not name.startswith('custom_vjp'):
      outs = _carried(inner, ins, found)
    elif name in _SUMS:
      outs = [frozenset().union(*ins)]
    elif name in _SAME:
      outs = [ins[0]]
    env.update(zip(eqn.outvars, outs, strict=True))
  return [read(v) for v in program.outputs]


def remove_layers(
  net: linen.Module,
  variables: Mapping[str, Any],
  paths: Iterable[str],
  input_shape: Sequence[int],
  dtype: Any = np.float32,
) -> tuple[narrowed.Narrowed, dict[str, Any]]:
  """Takes blocks out of a network.

  Args:
    net: The network, not under a `Rewritten`.
    variables: Its variables, or their shapes.
    paths: Of the blocks, each of `layers`.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    The network in which each gives back its input, and its variables.

  Raises:
    UserError: A path is none of `layers`.

  Example:
    >>> from effnas.nn.blocks import residual
    >>> net = linen.Sequential([residual.Basic(8), residual.Basic(8)])
    >>> variables = rewrite.abstract_variables(net, (8, 8, 4))
    >>> small, few = remove_layers(net, variables, ['layers_1'], (8, 8, 4))
    >>> list(few['params'])
    ['layers_0']
  """
  there, paths = layers(net, input_shape, dtype), tuple(paths)
  for path in paths:
    if path not in there:
      raise errors.unknown('block that adds to its input', path, there)
  skipped = paths
  if isinstance(net, narrowed.Narrowed):
    skipped = (*net.skipped, *paths)
    small = dataclasses.replace(net, skipped=skipped)
  else:
    small = narrowed.Narrowed(net, skipped=skipped)
  gone = [tuple(path.split('/')) for path in paths]
  return small, {
    collection: _without(tree, gone) for collection, tree in variables.items()
  }


def _without(tree, gone):
  left = {}
  for name, below in tree.items():
    if (name,) in gone:
      continue
    rest = [path[1:] for path in gone if path[0] == name]
    kept = _without(below, rest) if isinstance(below, Mapping) else below
    if not isinstance(kept, Mapping) or kept:
      left[name] = kept
  return left
