"""Fused MBConv: one full convolution in place of expansion and depthwise."""

from flax import linen
import jax

from effnas.nn import channels as widths
from effnas.nn import layers, squeeze_excite, stochastic_depth


class FusedMBConv(linen.Module):
  """Expand k x k, squeeze-excite, project 1x1, shortcut.

  More multiplications than MBConv and fewer, denser operations, which is
  faster on accelerators where the channels are few. With `expand` 1 a single
  k x k convolution with its activation is all there is.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the k x k convolution.
    kernel: Its side k.
    expand: Hidden channels = expand * C.
    se: Whether to squeeze and excite what the last convolution reads.
    squeeze: Template of how.
    norm: Template of the normalisations.
    act: Activation.
    drop_path: Rate of stochastic depth, where there is a shortcut.

  Cost:
    h = round(expand * C)
    wide = H_ * W_ * kernel**2 * C
    MACs = wide * F if expand == 1 else wide * h + H_ * W_ * h * F
    MACs += se * macs(squeeze, C=h, entry=C)

  Reference:
    Tan and Le, 2021, EfficientNetV2, https://arxiv.org/abs/2104.00298; Gupta
    and Akin, 2020, Accelerator-aware Neural Network Design using AutoML,
    https://arxiv.org/abs/2003.02838

  Example:
    >>> import jax.numpy as jnp
    >>> block = FusedMBConv(features=8, stride=2)
    >>> x = jnp.ones((1, 7, 7, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kernel: int = 3
  expand: float = 4
  se: bool = False
  squeeze: linen.Module = squeeze_excite.SqueezeExcite()
  norm: linen.Module = layers.Norm()
  act: layers.Activation = jax.nn.silu
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    channels = x.shape[-1]
    features = self.features or channels
    single = self.expand == 1
    y = x
    if not single:
      y = layers.ConvNorm(
        widths.hidden(self.expand, channels),
        kernel=self.kernel,
        stride=self.stride,
        norm=self.norm,
        act=self.act,
        name='expand',
      )(y, train)
    if self.se:
      y = self.squeeze.copy(name='se')(y, channels)
    if single:
      last = layers.ConvNorm(
        features,
        kernel=self.kernel,
        stride=self.stride,
        norm=self.norm,
        act=self.act,
        name='single',
      )
    else:
      last = layers.ConvNorm(features, norm=self.norm, name='project')
    y = last(y, train)
    if self.stride > 1 or features != channels:
      return y
    return x + stochastic_depth.StochasticDepth(self.drop_path)(y, train)


def variants() -> dict[str, linen.Module]:
  """Returns EfficientNetV2's blocks and EfficientNet-EdgeTPU's."""
  return {
    'efficientnet_v2_first': FusedMBConv(expand=1),
    'efficientnet_v2': FusedMBConv(),
    'efficientnet_v2_se': FusedMBConv(
      se=True,
      squeeze=squeeze_excite.SqueezeExcite(
        act=jax.nn.silu, gate=jax.nn.sigmoid
      ),
    ),
    'efficientnet_edge_tpu': FusedMBConv(expand=8, act=jax.nn.relu),
  }
