"""Adapters of low rank: fine-tuning few parameters beside frozen ones.

Reference:
  Hu et al., 2022, LoRA, https://arxiv.org/abs/2106.09685
"""

from collections.abc import Mapping, Sequence
import dataclasses
import math
from typing import Any

from flax import linen, traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import optax

from effnas import errors
from effnas.compress.lowrank import grown
from effnas.nn import rewrite

NAMES = ('lora_a', 'lora_b')


@dataclasses.dataclass(frozen=True)
class Adapter(grown.Growing):
  """Adds alpha / rank * b(a(x)) to the layers it names.

  `a` is a layer like the adapted one with `rank` channels, `b` a dense layer or
  a 1x1 convolution that starts at zero; neither has a bias.

  Attributes:
    pattern: On the path of the layer.
    rank: Channels between, up to those of the layer.
    alpha: Scale of the sum; the larger, the faster it learns.

  Cost:
    parameters = window * C * rank + rank * F, beside the layer's
  """

  rank: int = 8
  alpha: float = 16.0

  def grow(self, module, x, call):
    """Adds the adapter's output to the layer's own."""
    most = min(x.shape[-1] * _window(module), module.features)
    if not 1 <= self.rank <= most:
      where = '/'.join(rewrite.path_of(module))
      raise errors.UserError(
        f'the rank of an adapter of {where or "the layer"} is '
        f'1 to {most}; got {self.rank}'
      )
    y = call(x)
    a, b = NAMES
    x = module.clone(parent=module, name=a, features=self.rank, use_bias=False)(
      x
    )
    fields: dict[str, Any] = {}
    if isinstance(module, linen.Conv):
      fields = dict(strides=1, input_dilation=1, kernel_dilation=1)
      fields |= {'kernel_size': (1,) * (x.ndim - 2), 'padding': 'VALID'}
    x = module.clone(
      parent=module,
      name=b,
      use_bias=False,
      kernel_init=linen.initializers.zeros,
      **fields,
    )(x)
    return y + self.alpha / self.rank * x


def add(
  model: linen.Module,
  variables: Mapping[str, Any],
  rules: Sequence[Adapter],
  input_shape: Sequence[int],
  dtype: Any = np.float32,
  seed: int = 0,
) -> tuple[grown.Grown, dict[str, Any]]:
  """Puts adapters beside the layers of a trained model.

  Args:
    model: A Linen module.
    variables: Its variables.
    rules: Which layers, and the adapters' ranks.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.
    seed: Of the adapters' first parameters.

  Returns:
    The model with adapters, and its variables: the given ones and new ones.
    Its output is that of the model.

  Raises:
    UserError: A rule is for no layer, or a rank above a layer's.

  Example:
    >>> model = linen.Dense(6)
    >>> x = jnp.ones((1, 8))
    >>> variables = model.init(jax.random.key(0), x)
    >>> net, more = add(model, variables, [Adapter(rank=2)], (8,))
    >>> jax.tree.map(jnp.shape, more['params']['lora_a'])
    {'kernel': (8, 2)}
    >>> bool((net.apply(more, x) == model.apply(variables, x)).all())
    True
  """
  rules = tuple(rules)
  grown.found(model, rules, input_shape, dtype)
  net = grown.Grown(model, rules)

  @jax.jit
  def init():
    return net.init(jax.random.key(seed), jnp.zeros((1, *input_shape), dtype))

  flat = traverse_util.flatten_dict(init())
  flat |= traverse_util.flatten_dict(dict(variables))
  return net, traverse_util.unflatten_dict(flat)


def merge(
  net: grown.Grown,
  variables: Mapping[str, Any],
  input_shape: Sequence[int],
  dtype: Any = np.float32,
) -> tuple[linen.Module, dict[str, Any]]:
  """Adds the adapters to the kernels beside them, and drops them.

  Args:
    net: What `add` returned.
    variables: Its variables, trained.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    The model without adapters, and variables of the given model's shapes. Its
    output is that of `net`, but for rounding.

  Example:
    >>> x = jnp.ones((1, 8))
    >>> model = linen.Dense(6)
    >>> variables = model.init(jax.random.key(0), x)
    >>> net, more = add(model, variables, [Adapter(rank=2)], (8,))
    >>> merged, same = merge(net, more, (8,))
    >>> merged == model, jax.tree.all(jax.tree.map(
    ...   jnp.array_equal, same, variables))
    (True, True)
  """
  flat = traverse_util.flatten_dict(dict(variables))
  there = grown.found(net.inner, net.rules, input_shape, dtype)
  for path, (rule, _) in there.items():
    key = 'params', *(path.split('/') if path else ())
    a, b = (flat.pop((*key, name, 'kernel')) for name in NAMES)
    b = b.reshape(b.shape[-2:])
    change = jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
    flat[(*key, 'kernel')] += rule.alpha / rule.rank * change
  return net.inner, traverse_util.unflatten_dict(flat)


def split(params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
  """Parts adapters from what is frozen, to take gradients by the adapters.

  Args:
    params: Parameters of a model with adapters.

  Returns:
    The adapters, and the others; `join` puts them together.

  Example:
    >>> split({'head': {'kernel': 1, 'lora_a': {'kernel': 2}}})
    ({'head': {'lora_a': {'kernel': 2}}}, {'head': {'kernel': 1}})
  """
  parts: tuple[dict, dict] = ({}, {})
  for key, leaf in traverse_util.flatten_dict(dict(params)).items():
    parts[0 if _adapts(key) else 1][key] = leaf
  adapters, frozen = map(traverse_util.unflatten_dict, parts)
  return adapters, frozen


def join(
  adapters: Mapping[str, Any], frozen: Mapping[str, Any]
) -> dict[str, Any]:
  """Undoes `split`.

  Example:
    >>> join({'head': {'lora_a': {'kernel': 2}}}, {'head': {'kernel': 1}})
    {'head': {'kernel': 1, 'lora_a': {'kernel': 2}}}
  """
  flat = traverse_util.flatten_dict(dict(frozen))
  flat |= traverse_util.flatten_dict(dict(adapters))
  return traverse_util.unflatten_dict(flat)


def only(
  optimizer: optax.GradientTransformation,
) -> optax.GradientTransformation:
  """Lets an optimiser move adapters alone, in any training loop.

  Args:
    optimizer: Of the adapters; it keeps a state for these only.

  Returns:
    An optimiser of all parameters, whose updates of the others are zero.

  Example:
    >>> params = {'kernel': jnp.ones(2), 'lora_b': {'kernel': jnp.ones(2)}}
    >>> optimizer = only(optax.sgd(1.))
    >>> updates, _ = optimizer.update(params, optimizer.init(params), params)
    >>> updates['kernel'].tolist(), updates['lora_b']['kernel'].tolist()
    ([0.0, 0.0], [-1.0, -1.0])
  """
  parts = {True: optimizer, False: optax.set_to_zero()}
  return optax.partition(parts, _labels)


def _labels(params):
  flat = traverse_util.flatten_dict(dict(params))
  return traverse_util.unflatten_dict({key: _adapts(key) for key in flat})


def _adapts(key) -> bool:
  return len(key) > 1 and key[-2] in NAMES


def _window(layer) -> int:
  size = getattr(layer, 'kernel_size', ())
  return size if isinstance(size, int) else math.prod(size)
