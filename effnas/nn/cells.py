"""The operations that stand on the edges of searched cells, by their names."""

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.nn import layers, pool


class Zero(linen.Module):
  """Nothing passes.

  Attributes:
    stride: Of both axes.
  """

  stride: int = 1

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to zeros [N, H_, W_, C]."""
    return 0.0 * x[:, :: self.stride, :: self.stride]


class Pool(linen.Module):
  """Pools 3x3 windows; what lies outside of the map does not count.

  Attributes:
    stride: Of both axes.
    largest: The largest value of a window rather than the mean.

  Example:
    >>> x = jnp.arange(4.0).reshape(1, 2, 2, 1)
    >>> Pool().apply({}, x)[0, :, :, 0].tolist()
    [[1.5, 1.5], [1.5, 1.5]]
  """

  stride: int = 1
  largest: bool = False

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, C]."""
    window, strides, padding = (3, 3), (self.stride,) * 2, ((1, 1), (1, 1))
    if self.largest:
      return pool.max_pool(x, window, strides, padding)
    return linen.avg_pool(x, window, strides, padding, count_include_pad=False)


class FactorizedReduce(linen.Module):
  """Halves a map by two 1x1 convolutions, the second shifted by one pixel.

  Attributes:
    features: Output channels F, even; 0 keeps the input's.

  Cost:
    MACs = H_ * W_ * C * F

  Reference:
    Liu et al., 2019, DARTS, https://arxiv.org/abs/1806.09055
  """

  features: int = 0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, ceil(H / 2), ceil(W / 2), F]."""
    features = self.features or x.shape[-1]
    if features % 2:
      raise errors.UserError(
        'a factorized reduction has an even number of channels; '
        f'got {features}, take {features + 1}'
      )
    x = jax.nn.relu(x)
    # An odd side has no last shifted pixel: it is zero.
    odd = [(0, side % 2) for side in x.shape[1:3]]
    shifted = jnp.pad(x, ((0, 0), *odd, (0, 0))) if any(map(sum, odd)) else x
    halves = [
      layers.Conv(
        features // 2,
        (1, 1),
        2,
        padding=0,
        use_bias=False,
        name=f'conv_{i}',
      )(half)
      for i, half in enumerate((x, shifted[:, 1:, 1:]))
    ]
    return layers.Norm(name='norm')(jnp.concatenate(halves, -1), train)


class Skip(linen.Module):
  """Passes its input on; with stride 2, a factorized reduction of it.

  Attributes:
    stride: Of both axes, 1 or 2.
  """

  stride: int = 1

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, C]."""
    if self.stride == 1:
      return x
    return FactorizedReduce(name='reduce')(x, train)


class ReluConv(linen.Module):
  """ReLU, convolution, batch normalisation.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of both axes.
    kernel: Side of the kernel.

  Cost:
    MACs = H_ * W_ * kernel**2 * C * F
  """

  features: int = 0
  stride: int = 1
  kernel: int = 1

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    return layers.ConvNorm(
      self.features, self.kernel, self.stride, name='conv'
    )(jax.nn.relu(x), train)


class SepConv(linen.Module):
  """ReLU, depthwise and pointwise convolution, normalisation; repeatedly.

  Unlike `effnas.nn.blocks.separable` it starts with the activation, and has
  nothing between the two convolutions.

  Attributes:
    stride: Of the first depthwise convolution.
    kernel: Side of the depthwise kernels.
    dilation: Distance between their taps.
    repeats: How often all this happens.

  Cost:
    MACs = repeats * H_ * W_ * C * (kernel**2 + C)

  Reference:
    Zoph et al., 2018, NASNet, https://arxiv.org/abs/1707.07012
  """

  stride: int = 1
  kernel: int = 3
  dilation: int = 1
  repeats: int = 2

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, C]."""
    channels = x.shape[-1]
    for i in range(self.repeats):
      x = layers.Conv(
        channels,
        (self.kernel, self.kernel),
        self.stride if i == 0 else 1,
        padding=layers.same(self.kernel, self.dilation),
        kernel_dilation=self.dilation,
        feature_group_count=channels,
        use_bias=False,
        name=f'depthwise_{i}',
      )(jax.nn.relu(x))
      x = layers.ConvNorm(name=f'pointwise_{i}')(x, train)
    return x


class Cross(linen.Module):
  """ReLU, a row and a column of a kernel after another, normalisation.

  Attributes:
    stride: Of each across its own axis.
    kernel: Length of row and column.

  Cost:
    MACs = (H + H_) * W_ * kernel * C**2

  Reference:
    Real et al., 2019, AmoebaNet, https://arxiv.org/abs/1802.01548
  """

  stride: int = 1
  kernel: int = 7

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, C]."""
    pad, channels = layers.same(self.kernel), x.shape[-1]
    x = jax.nn.relu(x)
    for name, row in (('row', True), ('column', False)):
      x = layers.Conv(
        channels,
        (1, self.kernel) if row else (self.kernel, 1),
        (1, self.stride) if row else (self.stride, 1),
        padding=((0, 0), (pad, pad)) if row else ((pad, pad), (0, 0)),
        use_bias=False,
        name=name,
      )(x)
    return layers.Norm(name='norm')(x, train)


_OPERATIONS: dict[str, linen.Module] = {
  'none': Zero(),
  'skip_connect': Skip(),
  'avg_pool_3x3': Pool(),
  'max_pool_3x3': Pool(largest=True),
  'nor_conv_1x1': ReluConv(),
  'nor_conv_3x3': ReluConv(kernel=3),
  'sep_conv_3x3': SepConv(),
  'sep_conv_5x5': SepConv(kernel=5),
  'sep_conv_7x7': SepConv(kernel=7),
  'dil_conv_3x3': SepConv(dilation=2, repeats=1),
  'dil_conv_5x5': SepConv(kernel=5, dilation=2, repeats=1),
  'conv_7x1_1x7': Cross(),
}


def operation(name: str) -> linen.Module:
  """Returns the operation of a name, as DARTS and NAS-Bench-201 name them.

  Args:
    name: E.g. 'sep_conv_3x3'.

  Returns:
    A template with the field `stride` that keeps the number of channels.

  Raises:
    UserError: There is none of this name; says the near ones.

  Example:
    >>> operation('dil_conv_5x5').kernel
    5
  """
  if name not in _OPERATIONS:
    raise errors.unknown('operation', name, _OPERATIONS)
  return _OPERATIONS[name]
