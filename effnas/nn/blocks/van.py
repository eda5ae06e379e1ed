"""The Visual Attention Network's block: a gate from a large, sparse kernel."""

import functools

from flax import linen
import jax

from effnas.nn import branch as branch_lib
from effnas.nn import channels as widths
from effnas.nn import layers


class LargeKernelAttention(linen.Module):
  """Multiplies a map by what a large receptive field says about each place.

  A depthwise, a dilated depthwise and a 1x1 convolution together see a field
  of side d (kernel + 1) - 1. The local kernel fills the holes of the dilated
  one.

  Attributes:
    kernel: Side of the dilated depthwise kernel.
    dilation: Distance d between its taps; the local kernel's side is 2 d - 1.

  Cost:
    MACs = H * W * C * ((2 * dilation - 1)**2 + kernel**2 + C)
  """

  kernel: int = 7
  dilation: int = 3

  @linen.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [N, H, W, C] to the same shape."""
    channels = x.shape[-1]
    local = 2 * self.dilation - 1
    gate = layers.Conv(
      channels,
      (local, local),
      padding=layers.same(local),
      feature_group_count=channels,
      name='local',
    )(x)
    gate = layers.Conv(
      channels,
      (self.kernel, self.kernel),
      padding=layers.same(self.kernel, self.dilation),
      kernel_dilation=self.dilation,
      feature_group_count=channels,
      name='dilated',
    )(gate)
    return x * layers.Dense(channels, name='channels')(gate)


class VAN(linen.Module):
  """Large-kernel attention between 1x1 convolutions, then a perceptron.

  The perceptron has a 3x3 depthwise convolution before its activation. A
  stride or a change of channels is a normalised 3x3 convolution in front.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the convolution in front.
    kernel: Side of the dilated depthwise kernel.
    dilation: Distance d between its taps; the local kernel's side is 2 d - 1.
    mlp: Hidden channels of the perceptron = mlp * F.
    act: Activation.
    layer_scale: What the factors of each branch's channels start from; None
      leaves them out.
    drop_path: Rate of stochastic depth, for each of the two branches.

  Cost:
    m = round(mlp * F)
    MACs = H_ * W_ * F * (
      9 * C * (stride > 1 or C != F)
      + 3 * F + (2 * dilation - 1)**2 + kernel**2
      + 2 * m
    ) + H_ * W_ * 9 * m

  Reference:
    Guo et al., 2022, Visual Attention Network,
    https://arxiv.org/abs/2202.09741

  Example:
    >>> import jax.numpy as jnp
    >>> block = VAN(features=8, stride=2)
    >>> x = jnp.ones((1, 7, 7, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kernel: int = 7
  dilation: int = 3
  mlp: float = 4
  act: layers.Activation = layers.gelu
  layer_scale: float | None = 1e-2
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    features = self.features or x.shape[-1]
    branch = functools.partial(
      branch_lib.Branch, self.layer_scale, self.drop_path
    )
    if self.stride > 1 or x.shape[-1] != features:
      x = layers.ConvNorm(features, kernel=3, stride=self.stride, name='down')(
        x, train
      )
    y = layers.Norm(name='norm')(x, train)
    y = self.act(layers.Dense(features, name='before')(y))
    y = LargeKernelAttention(self.kernel, self.dilation, name='attend')(y)
    y = layers.Dense(features, name='after')(y)
    x = x + branch(name='branch_attend')(y, train)
    y = layers.Norm(name='norm_mlp')(x, train)
    hidden = widths.hidden(self.mlp, features)
    y = layers.Dense(hidden, name='mlp_in')(y)
    y = layers.Conv(
      hidden,
      (3, 3),
      padding=1,
      feature_group_count=hidden,
      name='mlp_depthwise',
    )(y)
    y = layers.Dense(features, name='mlp_out')(self.act(y))
    return x + branch(name='branch_mlp')(y, train)


def variants() -> dict[str, linen.Module]:
  """Returns the published block."""
  return {'van': VAN()}
