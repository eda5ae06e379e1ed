"""Batch normalisation folded into the convolution in front of it.

In inference a batch normalisation is a scale and a shift per channel. Behind a
convolution or a dense layer both go into its kernel and bias, exactly but for
rounding, and quantization then sees the kernel that is deployed. What pairs is
`effnas.nn.layers.ConvNorm`: its norm directly follows its convolution, whatever
the groups. Other batch normalisations stay as they are and are named.

Reference:
  Jacob et al., 2018, https://arxiv.org/abs/1712.05877 (section 3.2);
  Krishnamoorthi, 2018, https://arxiv.org/abs/1806.08342
"""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from flax import linen, traverse_util
import jax
import numpy as np

from effnas import errors, quant
from effnas.nn import batch_norm, layers, rewrite

Variables = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Fold(rewrite.Rule):
  """Inference with kernels into which `fold` has put the normalisations.

  Attributes:
    pattern: On the path of the `ConvNorm`.
  """

  layers = (layers.ConvNorm,)

  def matches(self, module, path):
    """Leaves out subclasses, and those whose norm is none over the batch."""
    exact = type(module) is layers.ConvNorm and _norm(module) is not None
    return exact and super().matches(module, path)

  def compute(self, module, call):
    """Computes without the normalisation, and with a bias."""
    with rewrite.lend(module, norm=_Nothing(), bias=True):
      return call()


@dataclasses.dataclass(frozen=True)
class _BatchNorms(rewrite.Rule):
  """Finds the batch normalisations of a network."""

  layers = (batch_norm.BatchNorm, linen.BatchNorm)


class _Nothing(linen.Module):
  """Stands where a normalisation stood."""

  def __call__(self, x, train=False):
    del train
    return x


@dataclasses.dataclass(frozen=True)
class Folded:
  """A network after `fold`.

  Attributes:
    net: Under a `Fold` rule, in front of the rules it had. It computes as in
      inference even with `train=True`.
    variables: Without the variables of the folded normalisations.
    paths: Of the `ConvNorm` modules that were folded.
    left: Paths of the batch normalisations that were not.
  """

  net: rewrite.Rewritten
  variables: dict[str, Any]
  paths: tuple[str, ...]
  left: tuple[str, ...]


def fold(
  net: rewrite.Rewritten,
  variables: Variables,
  input_shape: Sequence[int],
  dtype: Any = np.float32,
) -> Folded:
  """Puts batch normalisations into the convolutions they follow.

  Works on arrays, and on shapes under `jax.eval_shape` of the variables.

  Args:
    net: A model, with rules or without; not one that was folded before.
    variables: Its variables in floating point.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    A `Folded`, whose net gives the same outputs in inference. Quantized
    layers round other values than before: train or calibrate them after it.

  Raises:
    UserError: The network is folded or converted already.

  Example:
    >>> import jax.numpy as jnp
    >>> net = rewrite.Rewritten(layers.ConvNorm(4, kernel=3))
    >>> x = jnp.ones((1, 8, 8, 2))
    >>> found = fold(net, net.init(jax.random.key(0), x), (8, 8, 2))
    >>> jax.tree.map(jnp.shape, found.variables)
    {'params': {'conv': {'bias': (4,), 'kernel': (3, 3, 2, 4)}}}
    >>> found.net.apply(found.variables, x).shape
    (1, 8, 8, 4)
  """
  kinds = {type(rule) for rule in net.rules}
  if kinds & {Fold, quant.Serve}:
    raise errors.UserError(
      'normalisations are folded once, and before kernels become integers; got '
      f'a {"folded" if Fold in kinds else "converted"} network'
    )
  pairs = _found(net.model, Fold(), input_shape, dtype)
  flat = traverse_util.flatten_dict(dict(variables))
  for path, module in pairs.items():
    key = tuple(path.split('/')) if path else ()
    below, epsilon = _norm(module)
    norm = {
      name: flat.pop((collection, *key, 'normalise', *below, name))
      for collection, name in (
        ('params', 'scale'),
        ('params', 'bias'),
        ('batch_stats', 'mean'),
        ('batch_stats', 'var'),
      )
    }
    conv = ('params', *key, 'conv')
    flat[*conv, 'kernel'], flat[*conv, 'bias'] = fold_pair(
      flat[*conv, 'kernel'],
      flat.get((*conv, 'bias')),
      epsilon=epsilon,
      **norm,
    )
  rules = (Fold(), *net.rules) if pairs else net.rules
  return Folded(
    rewrite.Rewritten(net.model, rules),
    traverse_util.unflatten_dict(flat),
    tuple(pairs),
    _outside(_found(net.model, _BatchNorms(), input_shape, dtype), pairs),
  )


def fold_pair(
  kernel: jax.Array,
  bias_before: jax.Array | None,
  scale: jax.Array,
  bias: jax.Array,
  mean: jax.Array,
  var: jax.Array,
  epsilon: float,
) -> tuple[jax.Array, jax.Array]:
  """Folds one batch normalisation into the layer in front of it.

  Args:
    kernel: [..., F], of a convolution (also grouped or depthwise, where F
      counts all filters) or of a dense layer.
    bias_before: [F], the layer's own, or None.
    scale: [F], of the normalisation.
    bias: [F], of the normalisation.
    mean: [F], running.
    var: [F], running.
    epsilon: Added to the variance.

  Returns:
    The kernel [..., F] and the bias [F] of a layer that equals both, in the
    dtype of the kernel.

  Example:
    >>> import jax.numpy as jnp
    >>> one = jnp.ones(1)
    >>> kernel, bias = fold_pair(
    ...   jnp.full((2, 1), 3.), None, 2 * one, one, 5 * one, 4 * one, 0.
    ... )
    >>> kernel.tolist(), bias.tolist()
    ([[3.0], [3.0]], [-4.0])
  """
  factor = scale * jax.lax.rsqrt(var + epsilon)
  shift = -mean if bias_before is None else bias_before - mean
  return (
    (kernel * factor).astype(kernel.dtype),
    (shift * factor + bias).astype(kernel.dtype),
  )


def _norm(module):
  """Where a batch normalisation keeps its variables, and its epsilon."""
  norm = module.norm
  if isinstance(norm, layers.Norm):
    return (('batch',), norm.epsilon) if norm.kind == 'batch' else None
  if isinstance(norm, batch_norm.BatchNorm):
    return (), norm.epsilon
  return None


def _found(model, rule, input_shape, dtype):
  """The modules that a rule is for: path -> module, unbound."""
  return rewrite.coverage(model, (rule,), input_shape, dtype).layers


def _outside(norms, pairs):
  """The paths of the normalisations that are not inside of a pair."""
  inside = tuple(f'{path}/' if path else '' for path in pairs)
  return tuple(path for path in norms if not path.startswith(inside))
