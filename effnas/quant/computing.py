"""How a layer computes under any scheme, in training and in serving."""

from collections.abc import Callable, Sequence
import functools
from typing import Any

from flax import linen
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.nn import convolve, rewrite
from effnas.nn.convolve import pointwise
from effnas.quant import (
  accumulating,
  float8,
  kernels,
  lsq,
  operands,
  schemes,
)

# Share of a range that a batch of training leaves.
MOMENTUM = 0.9
_RANGE = ('low', 'high', 'momentum')

# (input, kernel, axes of an input that share a scale) -> both operands, or
# None for the layer's own product.
Find = Callable[
  [jax.Array, jax.Array, Sequence[int]],
  tuple[operands.Operand, operands.Operand] | None,
]


def training(rule: operands.Rule, module: linen.Module) -> dict[str, Any]:
  """Returns what to lend a layer that is trained.

  At initialisation the layer computes in float, and its steps or ranges are
  created. Where ranges are mutable they follow the batches, as the statistics
  of a batch normalisation do.

  Args:
    rule: Of the layer.
    module: The layer, bound.

  Returns:
    Fields for `effnas.nn.rewrite.lend`.

  Raises:
    UserError: The variables lack what the rule needs.
  """
  path, features = path_of(module), outputs(module)

  def find(x, kernel, axes):
    if module.is_initializing():
      _declare(rule, module, x, kernel)
      return None
    step, given = None, None
    if rule.scheme.learned:
      step = _variable(module, 'params', 'kernel_step')
      if rule.activations != schemes.FLOAT:
        given = _variable(module, 'params', 'input_step')
    elif is_static(rule):
      given = operands.static_grid(rule, *_range(module, x))
    return (
      operands.of_inputs(rule, x, axes, given),
      kernels.operand(rule, kernel, features, step, path),
    )

  return lent(rule, module, find)


def serving(rule: operands.Rule, module: linen.Module) -> dict[str, Any]:
  """Returns what to lend a layer whose kernel is deployed.

  Args:
    rule: As for `training`, and so are the others.
    module: Likewise.

  Returns:
    Likewise; results are those of `training`: see `operands`.

  Raises:
    UserError: Likewise.
  """
  from effnas.quant import arithmetic

  path, features = path_of(module), outputs(module)
  scale = _variable(module, schemes.COLLECTION, 'kernel_scale')
  zero: Any = module.get_variable(schemes.COLLECTION, 'kernel_zero')

  def find(x, kernel, axes):
    given = None
    if rule.activations == schemes.FLOAT:
      pass
    elif rule.scheme.learned:
      given = _variable(module, schemes.COLLECTION, 'input_scale')
    elif is_static(rule):
      given = operands.stored_grid(
        rule,
        _variable(module, schemes.COLLECTION, 'input_scale'),
        module.get_variable(schemes.COLLECTION, 'input_zero'),
      )
    stored = kernels.Stored(kernel, scale, zero)
    return (
      operands.of_inputs(rule, x, axes, given),
      kernels.stored_operand(rule, stored, features, x.dtype, path),
    )

  found = lent(rule, module, find)
  return {**found, 'promote_dtype': arithmetic.keep_integers}


def lent(
  rule: operands.Rule, module: linen.Module, find: Find
) -> dict[str, Any]:
  """Returns what to lend a layer that multiplies other operands.

  Args:
    rule: Of the layer.
    module: The layer, bound.
    find: What it multiplies.

  Returns:
    Fields for `effnas.nn.rewrite.lend`.
  """
  if isinstance(module, linen.Conv):
    own = module.conv_general_dilated or convolve.conv_general_dilated

    def conv(x, kernel, *args, **kwargs):
      found = find(x, kernel, range(1, x.ndim))
      if found is None:
        return own(x, kernel, *args, **kwargs)
      left, right = found
      out = own(left.values, right.values, *args, **kwargs)
      return _times(_times(out, left.scale), right.scale)

    return {'conv_general_dilated': conv}
  own = module.dot_general or pointwise.dot_general

  def dot(x, kernel, dimension_numbers, **kwargs):
    (contracted, kernel_axes), _ = dimension_numbers
    multiply = functools.partial(
      own, dimension_numbers=dimension_numbers, **kwargs
    )
    found = find(x, kernel, contracted)
    if found is None:
      return multiply(x, kernel)
    left, right = found
    grouped = right.scale is None
    narrow = None if grouped else _narrow(rule, dimension_numbers, multiply)
    product = _exact(narrow, multiply) if narrow else multiply
    scale = left.scale
    if scale is not None and scale.ndim:
      rows = [n for i, n in enumerate(scale.shape) if i not in contracted]
      ones = (1,) * (kernel.ndim - len(kernel_axes))
      scale = scale.reshape(*rows, *ones)
    out = product(left.values, right.values)
    return _times(_times(out, scale), right.scale)

  return {'dot_general': dot}


def outputs(module: linen.Module) -> int:
  """Returns how many axes of a layer's kernel are outputs.

  Example:
    >>> outputs(linen.Dense(4)), outputs(linen.DenseGeneral((2, 4)))
    (1, 2)
  """
  if not isinstance(module, linen.DenseGeneral):
    return 1
  features = module.features
  return 1 if isinstance(features, int) else len(features)


def is_static(rule: operands.Rule) -> bool:
  """Says whether a rule asks for a static range."""
  return rule.scheme.ranges == 'static' and schemes.FLOAT not in (
    rule.weights,
    rule.activations,
  )


def path_of(module: linen.Module) -> str:
  """Returns the path of a bound layer, for errors."""
  return '/'.join(rewrite.path_of(module))


def _declare(rule, module, x, kernel):
  """Creates the variables of a layer, beside its kernel."""
  if rule.scheme.learned:
    found = {
      'kernel_step': kernels.initial_step(
        rule, kernel, outputs(module), path_of(module)
      )
    }
    if rule.activations != schemes.FLOAT:
      signed = operands.input_signed(rule)
      found['input_step'] = lsq.initial(x, rule.activations, signed=signed)
    collection = 'params'
  else:
    collection, values = schemes.RANGES, (jnp.nan, jnp.nan, MOMENTUM)
    found = dict(zip(_RANGE, map(jnp.float32, values), strict=True))
  for name, value in found.items():
    if not module.has_variable(collection, name):
      module.put_variable(collection, name, value)


def _range(module, x):
  """A layer's static range, which follows x where it may."""
  low, high, momentum = (
    _variable(module, schemes.RANGES, name) for name in _RANGE
  )
  if module.is_mutable_collection(schemes.RANGES):
    now = lax.stop_gradient(x).astype(jnp.float32)
    low, high = (
      jnp.where(jnp.isnan(old), new, momentum * old + (1 - momentum) * new)
      for old, new in ((low, now.min()), (high, now.max()))
    )
    module.put_variable(schemes.RANGES, 'low', low)
    module.put_variable(schemes.RANGES, 'high', high)
  elif is_missing(low):
    raise errors.UserError(
      f'{path_of(module)!r} has no range of its inputs yet; '
      '`quant.calibrate` finds one, and so does training'
    )
  return low, high


def is_missing(value: jax.Array) -> bool:
  """Says whether values are known, and not numbers."""
  known = not isinstance(value, jax.core.Tracer | jax.ShapeDtypeStruct)
  # On the host: within a trace JAX would trace this too.
  return known and bool(np.isnan(np.asarray(value, np.float32)).any())


def _variable(module, collection, name):
  value = module.get_variable(collection, name)
  if value is None:
    raise errors.UserError(
      f'the variables lack {collection}/{path_of(module)}/{name}, which the '
      'quantization rule needs; `quant.calibrate` and `init` create those of '
      'training, `quant.convert` those of serving'
    )
  return value


def _times(out, scale):
  return out if scale is None else out * scale.astype(out.dtype)


def _narrow(rule, dimension_numbers, multiply):
  """A product in the codes' own arithmetic, where they have one."""
  scheme = rule.scheme
  if {scheme.weights, scheme.activations} <= {*schemes.FLOAT8}:
    dtypes = (
      float8.DTYPES[scheme.activations],
      float8.DTYPES[scheme.weights],
    )
    return functools.partial(_float8, dtypes, dimension_numbers, multiply)
  integers = scheme.weights == scheme.activations == 'integer'
  widths = {rule.weights, rule.activations}
  if integers and widths <= {*range(2, 9)} and scheme.zero_point == 'none':
    bits = rule.weights, rule.activations
    return lambda x, kernel: accumulating.dot(
      x, kernel, dimension_numbers, bits, x.dtype
    )
  return None


def _float8(dtypes, dimension_numbers, multiply, x, kernel):
  """On CUDA 8-bit floats, which XLA widens where the device lacks them."""

  def device(x, kernel):
    out = lax.dot_general(
      x.astype(dtypes[0]),
      kernel.astype(dtypes[1]),
      dimension_numbers,
      preferred_element_type=jnp.float32,
    )
    return out.astype(x.dtype)

  return lax.platform_dependent(x, kernel, cuda=device, default=multiply)


def _exact(narrow, multiply):
  """The values of one product, the gradients of the other."""

  @jax.custom_vjp
  def product(x, kernel):
    return narrow(x, kernel)

  def backward(residuals, g):
    _, pull = jax.vjp(multiply, *residuals)
    return pull(g)

  product.defvjp(lambda x, k: (narrow(x, k), (x, k)), backward)
  return product
