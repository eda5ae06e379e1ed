"""Dense and convolution layers as two or three layers of few channels.

Reference:
  Denton et al., 2014, Exploiting Linear Structure Within Convolutional
  Networks, https://arxiv.org/abs/1404.0736 (SVD); Kim et al., 2016,
  Compression of Deep Convolutional Neural Networks for Fast and Low Power
  Mobile Applications, https://arxiv.org/abs/1511.06530 (Tucker-2)
"""

from collections.abc import Mapping, Sequence
import dataclasses
import math
from typing import Any

from flax import linen, traverse_util
import numpy as np

from effnas import errors
from effnas.compress.lowrank import factors, grown
from effnas.nn import rewrite

Rank = int | tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Factored(grown.Growing):
  """The layers it names, as ordinary layers of few channels between.

  A dense layer or a 1x1 convolution becomes 'reduce' and 'expand'; a
  convolution with a larger window 1x1 'reduce', 'core' and 1x1 'expand'. The
  stride, padding and dilation go with the window; the bias with 'expand'.

  Attributes:
    pattern: On the path of the layer.
    rank: Channels between; a pair, after 'reduce' and after 'core', where there
      is a window. One number stands for a pair of it.

  Cost:
    parameters = C * r + r * F, or C * r + window * r * s + s * F, and the bias
  """

  rank: Rank = 8

  def params(self, shape: Sequence[int]) -> int:
    """Returns the parameters of the layers in place of a kernel's.

    Args:
      shape: Of the kernel, [.., C, F].

    Example:
      >>> Factored(rank=2).params((8, 6)), Factored(rank=2).params((3, 3, 8, 6))
      (28, 64)
    """
    *window, inputs, outputs = shape
    size = math.prod(window)
    r, s = pair(self.rank)
    return inputs * r + (size * r * s if size > 1 else 0) + s * outputs

  def grow(self, module, x, call):
    """Computes through the created layers instead."""
    ranks = pair(self.rank)
    channels = x.shape[-1], module.features
    _check(module, self.rank, channels, '/'.join(rewrite.path_of(module)))

    def layer(name, features, **fields):
      return module.clone(parent=module, name=name, features=features, **fields)

    if isinstance(module, linen.Dense):
      x = layer('reduce', ranks[0], use_bias=False)(x)
      return layer('expand', module.features)(x)
    point = {'kernel_size': (1,) * _axes(module), 'input_dilation': 1}
    point |= {'kernel_dilation': 1, 'padding': 'VALID'}
    first = dict(point)
    if not windowed(module):  # the padding is of the image, as is the stride
      first |= {'strides': module.strides, 'padding': module.padding}
      first |= {'input_dilation': module.input_dilation}
    else:
      first |= {'strides': 1}
    x = layer('reduce', ranks[0], use_bias=False, **first)(x)
    if windowed(module):
      x = layer('core', ranks[1], use_bias=False)(x)
    return layer('expand', module.features, strides=1, **point)(x)


def convert(
  model: linen.Module,
  variables: Mapping[str, Any],
  rules: Sequence[Factored],
  input_shape: Sequence[int],
  dtype: Any = np.float32,
) -> tuple[grown.Grown, dict[str, Any]]:
  """Factors the kernels of a model.

  Args:
    model: A Linen module.
    variables: Its variables.
    rules: Which layers, and their ranks; `ranks` chooses some by energy or
      budget.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    The model of factored layers, and its variables. Its output is that of the
    given model with each kernel replaced by the nearest product of these ranks
    (SVD), or by a near one (Tucker-2).

  Raises:
    UserError: A rule is for no layer, or a rank above a layer's.

  Example:
    >>> import jax
    >>> model = linen.Conv(6, (3, 3), strides=2)
    >>> x = jax.random.normal(jax.random.key(0), (1, 8, 8, 4))
    >>> variables = model.init(jax.random.key(1), x)
    >>> net, few = convert(model, variables, [Factored('*', (2, 3))], (8, 8, 4))
    >>> {name: layer['kernel'].shape for name, layer in few['params'].items()}
    {'reduce': (1, 1, 4, 2), 'core': (3, 3, 2, 3), 'expand': (1, 1, 3, 6)}
    >>> net.apply(few, x).shape
    (1, 4, 4, 6)
  """
  rules = tuple(rules)
  flat = traverse_util.flatten_dict(dict(variables))
  there = grown.found(model, rules, input_shape, dtype)
  for path, (rule, layer) in there.items():
    key = 'params', *(path.split('/') if path else ())
    kernel = flat.pop((*key, 'kernel'))
    _check(layer, rule.rank, kernel.shape[-2:], path)
    for name, part in _parts(layer, kernel, rule.rank).items():
      flat[(*key, name, 'kernel')] = part
    if (*key, 'bias') in flat:
      flat[(*key, 'expand', 'bias')] = flat.pop((*key, 'bias'))
  return grown.Grown(model, rules), traverse_util.unflatten_dict(flat)


def windowed(layer: linen.Module) -> bool:
  """Says whether a layer sees more than one position at a time.

  Example:
    >>> windowed(linen.Dense(2)), windowed(linen.Conv(2, (3, 1)))
    (False, True)
  """
  return isinstance(layer, linen.Conv) and math.prod(_window(layer)) > 1


def pair(rank: Rank) -> tuple[int, int]:
  """Returns both ranks.

  Example:
    >>> pair(3), pair((3, 4))
    ((3, 3), (3, 4))
  """
  return (rank, rank) if isinstance(rank, int) else rank


def _window(layer) -> tuple[int, ...]:
  size = layer.kernel_size
  return (size,) if isinstance(size, int) else tuple(size)


def _axes(layer) -> int:
  return len(_window(layer))


def _parts(layer, kernel, rank):
  if windowed(layer):
    found = factors.tucker(kernel, pair(rank))
    axes = (1,) * _axes(layer)
    return {
      'reduce': found.reduce.reshape(*axes, *found.reduce.shape),
      'core': found.core,
      'expand': found.expand.reshape(*axes, *found.expand.shape),
    }
  left, right = factors.svd(kernel.reshape(kernel.shape[-2:]), pair(rank)[0])
  axes = kernel.shape[:-2]
  return {
    'reduce': left.reshape(*axes, *left.shape),
    'expand': right.reshape(*axes, *right.shape),
  }


def _check(layer, rank, channels, path):
  most = tuple(channels)
  if not windowed(layer):
    if isinstance(rank, tuple):
      raise errors.UserError(
        f'{path or "the layer"} has no window and one rank; got {rank}'
      )
    most = (min(most),) * 2
  for given, limit in zip(pair(rank), most, strict=True):
    if not 1 <= given <= limit:
      limits = most if windowed(layer) else most[0]
      raise errors.UserError(
        f'the rank of {path or "the layer"} is 1 to {limits}; got {rank}'
      )
