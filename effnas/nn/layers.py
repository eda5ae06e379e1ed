"""The layers that blocks are built from: Conv, Dense, Norm."""

from collections.abc import Callable
from typing import Any

from flax import linen
import jax

from effnas import errors
from effnas.nn import batch_norm, convolve
from effnas.nn.convolve import pointwise

Activation = Callable[[jax.Array], jax.Array]


class Dense(linen.Dense):
  """`flax.linen.Dense` on [..., C] with `effnas.nn.convolve.pointwise` inside.

  Example:
    >>> import jax.numpy as jnp
    >>> dense = Dense(8)
    >>> variables = dense.init(jax.random.key(0), jnp.ones((1, 4)))
    >>> dense.apply(variables, jnp.ones((1, 4))).shape
    (1, 8)
  """

  dot_general: Any = pointwise.dot_general


def gelu(x: jax.Array) -> jax.Array:
  """GELU by the error function, as published; `jax.nn.gelu` approximates it.

  Example:
    >>> round(float(gelu(jax.numpy.float32(1))), 4)
    0.8413

  Reference:
    Hendrycks and Gimpel, 2016, https://arxiv.org/abs/1606.08415
  """
  return jax.nn.gelu(x, approximate=False)


def same(kernel: int, dilation: int = 1) -> int:
  """Returns the padding of each side that makes H_ = ceil(H / stride).

  It is symmetric, as the published networks pad, unlike 'SAME' at even sizes
  with stride 2.

  Args:
    kernel: Side of the kernel.
    dilation: Distance between its taps.

  Raises:
    UserError: The kernel is even.

  Example:
    >>> same(5), same(7, dilation=3)
    (2, 9)
  """
  if kernel % 2 == 0:
    raise errors.UserError(
      f'a kernel has an odd side; got {kernel}, take {kernel - 1} or '
      f'{kernel + 1}'
    )
  return dilation * (kernel // 2)


class Conv(linen.Conv):
  """`flax.linen.Conv` on [N, H, W, C] with `effnas.nn.convolve` inside.

  Example:
    >>> import jax.numpy as jnp
    >>> conv = Conv(8, (3, 3), strides=2, use_bias=False)
    >>> variables = conv.init(jax.random.key(0), jnp.ones((1, 6, 6, 4)))
    >>> conv.apply(variables, jnp.ones((1, 6, 6, 4))).shape
    (1, 3, 3, 8)
  """

  conv_general_dilated: Any = convolve.conv_general_dilated


class Norm(linen.Module):
  """A normalisation by name, over the last axis.

  Attributes:
    kind: 'batch', 'layer' or 'rms'.
    momentum: Of the running statistics of 'batch'; .9 follows the training
      within the few hundred steps that a candidate gets.
    epsilon: Added to the variance.

  Example:
    >>> import jax.numpy as jnp
    >>> x = jnp.array([[1., 3.]])
    >>> norm = Norm('layer')
    >>> norm.apply(norm.init(jax.random.key(0), x), x).round(3).tolist()
    [[-1.0, 1.0]]
  """

  kind: str = 'batch'
  momentum: float = 0.9
  epsilon: float = 1e-5

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Normalises x [..., C]; `train` takes the statistics of the batch."""
    if self.kind == 'batch':
      return batch_norm.BatchNorm(self.momentum, self.epsilon, name='batch')(
        x, train
      )
    if self.kind == 'layer':
      return linen.LayerNorm(epsilon=self.epsilon, name='layer')(x)
    if self.kind == 'rms':
      return linen.RMSNorm(epsilon=self.epsilon, name='rms')(x)
    raise errors.unknown('norm', self.kind, ['batch', 'layer', 'rms'])


class ConvNorm(linen.Module):
  """Convolution, normalisation, activation.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    kernel: Side of the square kernel, odd.
    stride: Of both axes.
    dilation: Distance between the kernel's taps.
    depthwise: Whether each filter sees one channel only; F is then a multiple
      of C, and the filters of one channel stand side by side.
    groups: Groups of channels that do not see each other; 1 where depthwise.
    bias: Whether the convolution has a bias, which the normalisation undoes;
      some networks were published with one.
    norm: Template of the normalisation.
    act: Activation, or None.

  Cost:
    MACs = H_ * W_ * kernel**2 * F * (1 if depthwise else C // groups)
  """

  features: int = 0
  kernel: int = 1
  stride: int = 1
  dilation: int = 1
  depthwise: bool = False
  groups: int = 1
  bias: bool = False
  norm: linen.Module = Norm()
  act: Activation | None = None

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    channels = x.shape[-1]
    x = Conv(
      self.features or channels,
      (self.kernel, self.kernel),
      self.stride,
      padding=same(self.kernel, self.dilation),
      kernel_dilation=self.dilation,
      feature_group_count=channels if self.depthwise else self.groups,
      use_bias=self.bias,
      name='conv',
    )(x)
    x = self.norm.copy(name='normalise')(x, train)
    return x if self.act is None else self.act(x)
