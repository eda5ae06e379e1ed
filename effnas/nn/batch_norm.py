"""Batch normalisation with the fewest passes over its input."""

import functools

from flax import linen
import jax
import jax.numpy as jnp


class BatchNorm(linen.Module):
  """Batch normalisation over the last axis; variables as `linen.BatchNorm`'s.

  What it adds to Flax's is speed in training: value and gradient are one scale
  and shift per channel, a * x + b and a * g + p * x + q, where automatic
  differentiation keeps and reads several arrays of the input's size.

  Attributes:
    momentum: Share of the running statistics that is kept in a step.
    epsilon: Added to the variance.

  Reference:
    Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167

  Example:
    >>> x = jnp.array([[1.], [3.]])
    >>> norm = BatchNorm()
    >>> variables = norm.init(jax.random.key(0), x)
    >>> y, changed = norm.apply(variables, x, True, mutable=['batch_stats'])
    >>> y.round(3).tolist(), changed['batch_stats']['mean']
    ([[-1.0], [1.0]], Array([0.2], dtype=float32))
  """

  momentum: float = 0.9
  epsilon: float = 1e-5

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Normalises x [..., C]; `train` takes the statistics of the batch."""
    shape = x.shape[-1:]
    scale = self.param('scale', linen.initializers.ones, shape)
    bias = self.param('bias', linen.initializers.zeros, shape)
    running = {
      'mean': self.variable('batch_stats', 'mean', jnp.zeros, shape),
      'var': self.variable('batch_stats', 'var', jnp.ones, shape),
    }
    if not train:
      a = scale * jax.lax.rsqrt(running['var'].value + self.epsilon)
      b = bias - running['mean'].value * a
      return (x * a + b).astype(x.dtype)
    y, *found = normalize(x, scale, bias, self.epsilon)
    if not self.is_initializing():
      for old, new in zip(running.values(), found, strict=True):
        old.value = self.momentum * old.value + (1 - self.momentum) * new
    return y


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def normalize(
  x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Normalises each channel by its mean and variance in the batch.

  Args:
    x: [..., C].
    scale: [C].
    bias: [C].
    epsilon: Added to the variance.

  Returns:
    The normalised array, in the dtype of x, the means and the variances, both
    [C] in float32 or wider and without gradients.
  """
  return _forward(x, scale, bias, epsilon)[0]


def _forward(x, scale, bias, epsilon):
  wide = jnp.promote_types(x.dtype, jnp.float32)
  axes = range(x.ndim - 1)
  xs = x.astype(wide)
  mean = xs.mean(axes)
  var = jnp.maximum(0, (xs * xs).mean(axes) - mean * mean)
  inverse = jax.lax.rsqrt(var + epsilon)
  a = scale.astype(wide) * inverse
  b = bias.astype(wide) - mean * a
  y = (xs * a + b).astype(x.dtype)
  return (y, mean, var), (x, mean, inverse, scale, bias)


def _backward(epsilon, residuals, gradients):
  x, mean, inverse, scale, bias = residuals
  g = gradients[0].astype(mean.dtype)
  axes, n = range(x.ndim - 1), x.size // x.shape[-1]
  xs = x.astype(mean.dtype)
  d_bias = g.sum(axes)
  d_scale = (g * (xs - mean)).sum(axes) * inverse
  a = scale.astype(mean.dtype) * inverse
  p = -a * inverse * d_scale / n
  q = -p * mean - a * d_bias / n
  dx = (a * g + p * xs + q).astype(x.dtype)
  return dx, d_scale.astype(scale.dtype), d_bias.astype(bias.dtype)


normalize.defvjp(_forward, _backward)
