"""Layer normalisation over channels of which some are cut.

Mean and variance over the channels of the whole network count the cut ones as
the zeros that they are under a mask. A narrowed network keeps to that, so that
its output stays that of the masked one.
"""

from typing import Any

from flax import linen
import jax
from jax import lax
import jax.numpy as jnp

from effnas import jaxprs
from effnas.nn import rewrite

PRIMITIVE = 'normalise_whole'
_whole = jaxprs.primitive(PRIMITIVE, lambda x, *, path: x)


def is_last(module: linen.Module) -> bool:
  """Says whether a module normalises each position over its channels.

  Example:
    >>> is_last(linen.RMSNorm()), is_last(linen.BatchNorm())
    (True, False)
  """
  return isinstance(module, linen.LayerNorm | linen.RMSNorm) and (
    (module.reduction_axes, module.feature_axes) == (-1, -1)
  )


def followed(module: Any, x: jax.Array) -> jax.Array:
  """Stands for the layer while a network is followed.

  The sums over channels are one operation here, as they do not hinder.

  Args:
    module: The layer, bound.
    x: Its input [..., C].
  """
  path = '/'.join(rewrite.path_of(module))
  return _affine(module, _whole(x, path=path))


def narrow(module: Any, x: jax.Array, channels: int) -> jax.Array:
  """Normalises what is left of channels, as if the others were there as zeros.

  Args:
    module: The layer, bound.
    x: [..., c], the channels that are left.
    channels: C, of the whole network.

  Returns:
    [..., c].

  Example:
    >>> norm = linen.LayerNorm()
    >>> whole = jnp.array([[1., 3., 0., 0.]])
    >>> variables = norm.init(jax.random.key(0), whole)
    >>> want = norm.apply(variables, whole)[:, :2]
    >>> few = jax.tree.map(lambda leaf: leaf[:2], variables)
    >>> got = narrow(norm.bind(few), whole[:, :2], 4)
    >>> bool(jnp.allclose(want, got))
    True
  """
  wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
  mean_of_squares = (wide * wide).sum(-1, keepdims=True) / channels
  if isinstance(module, linen.RMSNorm):
    y = wide * lax.rsqrt(mean_of_squares + module.epsilon)
  else:
    mean = wide.sum(-1, keepdims=True) / channels
    variance = jnp.maximum(0, mean_of_squares - mean * mean)
    y = (wide - mean) * lax.rsqrt(variance + module.epsilon)
  return _affine(module, y).astype(module.dtype or x.dtype)


def _affine(module, y):
  if module.use_scale:
    y = y * module.get_variable('params', 'scale')
  if not isinstance(module, linen.RMSNorm) and module.use_bias:
    y = y + module.get_variable('params', 'bias')
  return y
