"""Bits as values: networks that differ only in them share one program.

`quant.rules` holds bits in the fields of a network, which every width compiles
anew. Under `Traced` each layer reads its own from the variables:

    {'bits': {'stem': {'conv': {'weights': 4, 'activations': 8}}, ...}}

Values are those of `quant.rules` at the same widths, and gradients pass
straight through, so that a step of training is shared as well.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
from typing import Any

from flax import linen, traverse_util
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from effnas import errors, quant
from effnas.nn import convolve, rewrite
from effnas.nn.convolve import pointwise
from effnas.quant import fake, operands, signs

# The collection of variables that holds the bits.
COLLECTION = 'bits'
_WIDTHS = (*range(1, 9), quant.FLOAT)


@dataclasses.dataclass(frozen=True)
class Traced(rewrite.Rule):
  """Fake-quantizes the layers it names at the bits that the variables hold.

  Weights have a scale per output channel, activations one per example
  (convolution) or row (dense), as in training under `quant.rules`; 32 bits
  leave values as they are.

  Attributes:
    pattern: On the path of the layer.

  Example:
    >>> net = rewrite.Rewritten(linen.Dense(2), (Traced(),))
    >>> x = jnp.array([[1., 2., 3.]])
    >>> variables = net.init(jax.random.key(0), x)
    >>> at = [{**variables, **collection({'': w})} for w in ((8, 8), (2, 32))]
    >>> program = jax.jit(net.apply).lower(at[0], x).compile()
    >>> [program(one, x).shape for one in at]
    [(1, 2), (1, 2)]
  """

  layers = quant.Quantize.layers

  def matches(self, module: linen.Module, path: str) -> bool:
    """Says whether `quant.rules` would reach the layer."""
    return super().matches(module, path) and quant.Quantize().matches(
      module, path
    )

  def compute(
    self, module: linen.Module, call: Callable[[], jax.Array]
  ) -> jax.Array:
    """Computes on operands that are quantized at the layer's bits."""
    if not module.has_variable(COLLECTION, 'weights'):
      path = '/'.join(rewrite.path_of(module))
      raise errors.UserError(
        f'the variables hold no bits of {path!r}; `quant.traced.bits` gives '
        'those of all layers'
      )
    widths: list[Any] = [
      module.get_variable(COLLECTION, name)
      for name in ('activations', 'weights')
    ]
    if isinstance(module, linen.Conv):
      own = module.conv_general_dilated or convolve.conv_general_dilated
      conv = functools.partial(_conv, own, *widths)
      with rewrite.lend(module, conv_general_dilated=conv):
        return call()
    own = module.dot_general or pointwise.dot_general
    dot = functools.partial(_dot, own, *widths)
    with rewrite.lend(module, dot_general=dot):
      return call()


def bits(
  net: rewrite.Rewritten, input_shape: Sequence[int], dtype: Any = np.float32
) -> dict[str, Any]:
  """Returns the bits that a network's rules say, as variables.

  Args:
    net: A model under `quant.rules`.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    The collection 'bits' for `Rewritten(net.model, (Traced(),))`: an int32
    scalar for the weights and for the activations of each layer; 32 where the
    rules leave it in float.

  Raises:
    UserError: A rule asks for what traced bits have not: another width than 1
      to 8, or other scales than those of `quant.rules(weights, activations)`.

  Example:
    >>> model = linen.Sequential([linen.Dense(4), linen.Dense(2)])
    >>> net = rewrite.Rewritten(model, quant.rules(4, patterns={'*_1': 32}))
    >>> found = bits(net, (3,))['bits']
    >>> {name: int(layer['weights']) for name, layer in found.items()}
    {'layers_0': 4, 'layers_1': 32}
  """
  seen = rewrite.coverage(net.model, (Traced(),), input_shape, dtype)
  float_ = (quant.FLOAT, quant.FLOAT)
  widths = dict.fromkeys(seen.rules_by_path, float_)
  for path, (rule, _) in quant.quantized(net, input_shape, dtype).items():
    plain = type(rule)(rule.pattern, rule.weights, rule.activations)
    if rule != plain or path not in widths:
      raise errors.UserError(
        f'traced bits know the default scales only; {path!r} is under {rule}'
      )
    widths[path] = (rule.weights, rule.activations)
  return collection(widths)


def collection(widths: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
  """Returns bits as variables.

  Args:
    widths: Path of a layer -> bits of its weights, of its activations: 1 to 8,
      or 32 for float.

  Returns:
    The collection 'bits'.

  Raises:
    UserError: Another number of bits.

  Example:
    >>> collection({'stem/conv': (4, 8)})
    {'bits': {'stem': {'conv': {'weights': array(4, dtype=int32),
                                'activations': array(8, dtype=int32)}}}}
  """
  flat: dict[tuple[str, ...], np.ndarray] = {}
  for path, pair in widths.items():
    for name, width in zip(('weights', 'activations'), pair, strict=True):
      if width not in _WIDTHS:
        raise errors.UserError(
          f'traced bits are 1 to 8, or {quant.FLOAT} for float; '
          f'got {width!r} for the {name} of {path!r}'
        )
      key = tuple(path.split('/')) if path else ()
      # Typed, so that every width is the same program's argument.
      flat[*key, name] = np.array(width, np.int32)
  return {COLLECTION: traverse_util.unflatten_dict(flat)}


def _operand(x, width, axes):
  """Codes and their scale; x and 1 at 32 bits. The gradient is x's / scale."""
  bound = jnp.abs(lax.stop_gradient(x)).max(tuple(axes), keepdims=True)
  grid = fake.symmetric(bound, width)
  scale = jnp.where(grid.exact, 1, grid.scale)
  values = jnp.where(grid.exact, x, fake.codes(x, grid))
  return operands.followed(x, signs.Coded(values, scale))


def _conv(conv, activations, weights, x, kernel, *args, **kwargs):
  x, x_scale = _operand(x, activations, range(1, x.ndim))
  kernel, scale = _operand(kernel, weights, range(kernel.ndim - 1))
  return conv(x, kernel, *args, **kwargs) * x_scale * scale


def _dot(dot, activations, weights, x, kernel, dimension_numbers, **kwargs):
  (contracted, kernel_axes), _ = dimension_numbers
  x, x_scale = _operand(x, activations, contracted)
  kernel, scale = _operand(kernel, weights, kernel_axes)
  out = dot(x, kernel, dimension_numbers, **kwargs)
  x_scale = jnp.squeeze(x_scale, contracted)
  scale = jnp.squeeze(scale, kernel_axes)
  x_scale = x_scale.reshape(*x_scale.shape, *(1,) * scale.ndim)
  return out * x_scale * scale
