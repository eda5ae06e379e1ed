"""The residual blocks of ResNet, RegNet and wide ResNets."""

import functools

from flax import linen
import jax

from effnas import errors
from effnas.nn import channels as widths
from effnas.nn import layers, squeeze_excite, stochastic_depth


class Basic(linen.Module):
  """Two k x k convolutions around which the input goes to the last activation.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the first convolution.
    kernel: Side of both kernels.
    norm: Template of the normalisations.
    act: Activation of the first convolution and of the sum.
    drop_path: Rate of stochastic depth.

  Cost:
    changes = stride > 1 or F != C
    MACs = H_ * W_ * F * (kernel**2 * (C + F) + C * changes)

  Reference:
    He et al., 2016, Deep Residual Learning for Image Recognition,
    https://arxiv.org/abs/1512.03385

  Example:
    >>> import jax.numpy as jnp
    >>> block = Basic(features=8, stride=2)
    >>> variables = block.init(jax.random.key(0), jnp.ones((1, 7, 7, 4)))
    >>> block.apply(variables, jnp.ones((1, 7, 7, 4))).shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kernel: int = 3
  norm: linen.Module = layers.Norm()
  act: layers.Activation = jax.nn.relu
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    features = self.features or x.shape[-1]
    conv = functools.partial(
      layers.ConvNorm, features, self.kernel, norm=self.norm
    )
    y = conv(stride=self.stride, act=self.act, name='conv_1')(x, train)
    y = conv(name='conv_2')(y, train)
    y = stochastic_depth.StochasticDepth(self.drop_path)(y, train)
    if self.stride > 1 or features != x.shape[-1]:
      x = layers.ConvNorm(
        features, stride=self.stride, norm=self.norm, name='shortcut'
      )(x, train)
    return self.act(x + y)


class Bottleneck(linen.Module):
  """1x1, k x k in groups, squeeze-excite, 1x1, and the input added.

  The stride is that of the k x k convolution, as torchvision and timm have it
  (the paper's is that of the first).

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the k x k convolution.
    kernel: Side of its kernel.
    ratio: Channels of the middle = ratio * F; ResNet's are a quarter, RegNet's
      all.
    group_width: Channels of a group of the k x k convolution; 0 is one group.
    se: Whether to squeeze and excite.
    squeeze: Template of how.
    norm: Template of the normalisations.
    act: Activation of the first two convolutions and of the sum.
    drop_path: Rate of stochastic depth.

  Cost:
    h = round(ratio * F)
    changes = stride > 1 or F != C
    MACs = (
      H * W * C * h
      + H_ * W_ * h * (kernel**2 * (group_width or h) + F)
      + H_ * W_ * C * F * changes
      + se * macs(squeeze, C=h, entry=C)
    )

  Reference:
    He et al., 2016, Deep Residual Learning for Image Recognition,
    https://arxiv.org/abs/1512.03385; Radosavovic et al., 2020, RegNet,
    https://arxiv.org/abs/2003.13678

  Example:
    >>> import jax.numpy as jnp
    >>> block = Bottleneck(features=8, stride=2)
    >>> variables = block.init(jax.random.key(0), jnp.ones((1, 7, 7, 4)))
    >>> variables['params']['conv_2']['conv']['kernel'].shape
    (3, 3, 2, 2)
    >>> block.apply(variables, jnp.ones((1, 7, 7, 4))).shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kernel: int = 3
  ratio: float = 0.25
  group_width: int = 0
  se: bool = False
  squeeze: linen.Module = squeeze_excite.SqueezeExcite(gate=jax.nn.sigmoid)
  norm: linen.Module = layers.Norm()
  act: layers.Activation = jax.nn.relu
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F].

    Raises:
      UserError: The channels of the middle do not divide into groups.
    """
    channels = x.shape[-1]
    features = self.features or channels
    hidden = widths.hidden(self.ratio, features)
    width = self.group_width or hidden
    if hidden % width:
      raise errors.UserError(
        f'group_width must divide the channels of the middle; got {width} and '
        f'{hidden}'
      )
    conv = functools.partial(layers.ConvNorm, norm=self.norm)
    y = conv(hidden, act=self.act, name='conv_1')(x, train)
    y = conv(
      hidden,
      self.kernel,
      self.stride,
      groups=hidden // width,
      act=self.act,
      name='conv_2',
    )(y, train)
    if self.se:
      y = self.squeeze.copy(name='squeeze_excite')(y, channels)
    y = conv(features, name='conv_3')(y, train)
    y = stochastic_depth.StochasticDepth(self.drop_path)(y, train)
    if self.stride > 1 or features != channels:
      x = conv(features, stride=self.stride, name='shortcut')(x, train)
    return self.act(x + y)


class PreActivation(linen.Module):
  """Two k x k convolutions, each behind normalisation and activation.

  Where the block changes the map, both ways start from the activated input and
  the shortcut is a 1x1 convolution; elsewhere the input is added as it is.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the first convolution.
    kernel: Side of both kernels.
    norm: Template of the normalisations.
    act: Activation.
    drop_path: Rate of stochastic depth.

  Cost:
    changes = stride > 1 or F != C
    MACs = H_ * W_ * F * (kernel**2 * (C + F) + C * changes)

  Reference:
    He et al., 2016, Identity Mappings in Deep Residual Networks,
    https://arxiv.org/abs/1603.05027; Zagoruyko and Komodakis, 2016, Wide
    Residual Networks, https://arxiv.org/abs/1605.07146

  Example:
    >>> import jax.numpy as jnp
    >>> block = PreActivation(features=8, stride=2)
    >>> variables = block.init(jax.random.key(0), jnp.ones((1, 7, 7, 4)))
    >>> block.apply(variables, jnp.ones((1, 7, 7, 4))).shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kernel: int = 3
  norm: linen.Module = layers.Norm()
  act: layers.Activation = jax.nn.relu
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    features = self.features or x.shape[-1]
    y = self.act(self.norm.copy(name='norm_1')(x, train))
    if self.stride > 1 or features != x.shape[-1]:
      x = self._conv(features, 1, self.stride, 'shortcut')(y)
    y = self._conv(features, self.kernel, self.stride, 'conv_1')(y)
    y = self.act(self.norm.copy(name='norm_2')(y, train))
    y = self._conv(features, self.kernel, 1, 'conv_2')(y)
    return x + stochastic_depth.StochasticDepth(self.drop_path)(y, train)

  def _conv(self, features, kernel, stride, name) -> layers.Conv:
    return layers.Conv(
      features,
      (kernel, kernel),
      stride,
      padding=layers.same(kernel),
      use_bias=False,
      name=name,
    )


def variants() -> dict[str, linen.Module]:
  """Returns the blocks of ResNets, RegNets X and Y, and wide ResNets."""
  return {
    'resnet_basic': Basic(),
    'resnet_bottleneck': Bottleneck(),
    'regnet_x': Bottleneck(ratio=1, group_width=8),
    'regnet_y': Bottleneck(ratio=1, group_width=8, se=True),
    'resnet_pre_activation': PreActivation(),
  }
