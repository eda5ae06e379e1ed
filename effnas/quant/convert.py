"""From a quantization-aware trained network to the integers it deploys."""

from collections.abc import Mapping, Sequence
from typing import Any

from flax import linen, traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from effnas.nn import rewrite
from effnas.quant import rules

Variables = Mapping[str, Any]


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
    The network to serve, and its variables: kernels of up to 4 bits are
    `jnp.int4`, others `jnp.int8`; the collection 'quant' holds a
    'kernel_scale' beside each. A network without such rules comes back as it
    is.

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
  flat = traverse_util.flatten_dict(dict(variables))
  keys = {path: tuple(path.split('/')) if path else () for path in layers}

  @jax.jit  # One program instead of one per operation and shape.
  def integers(kernels):
    return {
      path: _integers(rule, layer, kernels[path])
      for path, (rule, layer) in layers.items()
    }

  found = integers(
    {p: flat['params', *key, 'kernel'] for p, key in keys.items()}
  )
  for path, (kernel, scale) in found.items():
    flat['params', *keys[path], 'kernel'] = kernel
    flat[rules.COLLECTION, *keys[path], 'kernel_scale'] = scale
  return serving(net), traverse_util.unflatten_dict(flat)


def serving(net: rewrite.Rewritten) -> rewrite.Rewritten:
  """Returns the network that computes with converted variables.

  Example:
    >>> serving(rewrite.Rewritten(linen.Dense(2), rules.rules(8))).rules
    (Serve(pattern='*', weights=8, activations=8),)
  """
  serve = tuple(
    rules.Serve(rule.pattern, rule.weights, rule.activations)
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


def _integers(rule, layer, kernel):
  """A kernel's integers and scale; all axes but the outputs share a scale."""
  from effnas.quant import aqt

  outputs = 1
  if isinstance(layer, linen.DenseGeneral):
    features = layer.features
    outputs = 1 if isinstance(features, int) else len(features)
  shared = range(kernel.ndim - outputs)
  integers, scale = aqt.quantize(kernel, rule.weights, shared)
  return integers.astype(jnp.int4 if rule.weights <= 4 else jnp.int8), scale
