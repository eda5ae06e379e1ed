"""From a quantization-aware trained network to the integers it deploys."""

from collections.abc import Mapping, Sequence
from typing import Any
import warnings

from flax import linen, traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.nn import rewrite
from effnas.quant import (
  computing,
  kernels,
  operands,
  rules,
  schemes,
  staying,
)

Variables = Mapping[str, Any]
_BESIDE = ('kernel_scale', 'kernel_zero', 'input_scale', 'input_zero')


def convert(
  net: rewrite.Rewritten,
  variables: Variables,
  input_shape: Sequence[int],
  dtype: Any = np.float32,
) -> tuple[rewrite.Rewritten, dict[str, Any]]:
  """Replaces the kernels under `Quantize` rules by integers and scales.

  Works on arrays, and on shapes under `jax.eval_shape`.

  Args:
    net: A model under the rules it was trained with.
    variables: Its variables, kernels in floating point.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    The network to serve, and its variables: kernels have the narrowest dtype
    that holds their codes, int8, int4, int2 (unsigned where they have a zero
    point), bool for two codes, or a float of 8 bits. The collection 'quant'
    holds a 'kernel_scale' beside each and, where there are such, 'kernel_zero',
    'input_scale' and 'input_zero'; steps and ranges are gone. A network
    without such rules comes back as it is. A warning names the layers that stay
    in float although a rule names them, as `quant.left` does.

  Raises:
    UserError: A layer lacks its range or step, or groups do not divide.

  Example:
    >>> import jax
    >>> model = rewrite.Rewritten(linen.Dense(2), rules.rules(8))
    >>> x = jax.numpy.ones((1, 3))
    >>> float_ = model.init(jax.random.key(0), x)
    >>> net, integer = convert(model, float_, (3,))
    >>> integer['params']['kernel'].dtype
    dtype('int8')
    >>> integer['quant']['kernel_scale'].shape
    (1, 2)
  """
  layers = quantized(net, input_shape, dtype)
  # Tables are in float by design: no rule is for them.
  stays = {
    path: kind
    for path, kind in staying.left(net, input_shape, dtype).items()
    if kind != staying.TABLE
  }
  if stays:
    # Once for equal networks: as Python shows a warning of one text.
    warnings.warn(_said(stays), stacklevel=2)
  flat = traverse_util.flatten_dict(dict(variables))
  keys = {path: tuple(path.split('/')) if path else () for path in layers}
  taken = {
    path: _take(flat, path, keys[path], rule)
    for path, (rule, _) in layers.items()
  }

  @jax.jit  # One program instead of one per operation and shape.
  def integers(taken):
    return {
      path: _stored(rule, layer, path, taken[path])
      for path, (rule, layer) in layers.items()
    }

  for path, (kernel, *beside) in integers(taken).items():
    flat['params', *keys[path], 'kernel'] = kernel
    for name, value in zip(_BESIDE, beside, strict=True):
      if value is not None:
        flat[rules.COLLECTION, *keys[path], name] = value
  return serving(net), traverse_util.unflatten_dict(flat)


def serving(net: rewrite.Rewritten) -> rewrite.Rewritten:
  """Returns the network that computes with converted variables.

  Example:
    >>> net = serving(rewrite.Rewritten(linen.Dense(2), rules.rules(4)))
    >>> [type(rule).__name__ for rule in net.rules]
    ['Serve']
  """
  serve = tuple(
    rules.Serve(rule.pattern, rule.weights, rule.activations, rule.scheme)
    if isinstance(rule, rules.Quantize)
    else rule
    for rule in net.rules
  )
  return rewrite.Rewritten(net.model, serve)


def quantized(
  net: rewrite.Rewritten, input_shape: Sequence[int], dtype: Any = np.float32
) -> dict[str, tuple[rules.Quantize, linen.Module]]:
  """Returns the layers that are quantized: path -> (rule, layer).

  Args:
    net: A model under rules.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    In the order of the first call; layers that a rule keeps in float are left
    out.
  """
  seen = rewrite.coverage(net.model, net.rules, input_shape, dtype)
  found = {}
  for path, matching in seen.rules_by_path.items():
    for rule in matching:
      if isinstance(rule, rules.Quantize) and rule.weights != rules.FLOAT:
        found[path] = rule, seen.layers[path]
  return found


def _said(stays):
  some = [f'{path!r} ({kind})' for path, kind in list(stays.items())[:5]]
  more = f' and {len(stays) - 5} more' if len(stays) > 5 else ''
  return (
    f'quantization leaves {", ".join(some)}{more} in float: rules are for '
    'Conv, Dense and DenseGeneral without batch axes'
  )


def _take(flat, path, key, rule):
  """Takes what a layer's rule has declared out of the variables."""
  found = {'kernel': flat['params', *key, 'kernel']}
  names: list[tuple[str, str]] = []
  if rule.scheme.learned:
    names.append(('params', 'kernel_step'))
    if rule.activations != rules.FLOAT:
      names.append(('params', 'input_step'))
  elif rule.declares:
    names = [(schemes.RANGES, name) for name in ('low', 'high')]
    flat.pop((schemes.RANGES, *key, 'momentum'), None)
  for collection, name in names:
    value = flat.pop((collection, *key, name), None)
    if value is None or computing.is_missing(value):
      raise errors.UserError(
        f'{path!r} has no {"step" if rule.scheme.learned else "range"} to be '
        'converted with; `quant.calibrate` finds one, and so does training'
      )
    found[name] = value
  return found


def _stored(rule, layer, path, taken):
  """A kernel as it is deployed, and what is beside it."""
  from effnas.quant import aqt

  kernel, outputs = taken['kernel'], computing.outputs(layer)
  if rule.plain:
    # All axes but the outputs share a scale.
    shared = range(kernel.ndim - outputs)
    integers, scale = aqt.quantize(kernel, rule.weights, shared)
    return integers.astype(kernels.dtype_of(rule)), scale, None, None, None
  stored = kernels.store(rule, kernel, outputs, taken.get('kernel_step'), path)
  if 'input_step' in taken:
    return *stored, operands.positive(taken['input_step']), None
  if 'low' not in taken:
    return *stored, None, None
  grid = operands.static_grid(rule, taken['low'], taken['high'])
  zero = None
  if rule.scheme.asymmetric('activations'):
    zero = (-grid.low).astype(jnp.uint8)
  return *stored, grid.scale, zero
