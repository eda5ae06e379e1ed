"""MBConv: the inverted residual with a depthwise convolution in its middle."""

from flax import linen
import jax

from effnas.nn import channels as widths
from effnas.nn import layers, squeeze_excite, stochastic_depth


class MBConv(linen.Module):
  """Expand 1x1, depthwise k x k, squeeze-excite, project 1x1, shortcut.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the depthwise convolution.
    kernel: Side of the depthwise kernel.
    expand: Hidden channels = expand * C; 1 leaves the expansion out.
    se: Whether to squeeze and excite.
    squeeze: Template of how.
    norm: Template of the normalisations.
    act: Activation after expansion and depthwise convolution.
    drop_path: Rate of stochastic depth, where there is a shortcut.

  Cost:
    h = round(expand * C)
    MACs = (
      H * W * C * h * (expand != 1)
      + H_ * W_ * h * (kernel**2 + F)
      + se * macs(squeeze, C=h, entry=C)
    )

  Reference:
    Sandler et al., 2018, MobileNetV2, https://arxiv.org/abs/1801.04381;
    Howard et al., 2019, MobileNetV3, https://arxiv.org/abs/1905.02244;
    Tan et al., 2019, MnasNet, https://arxiv.org/abs/1807.11626; Tan and Le,
    2019, EfficientNet, https://arxiv.org/abs/1905.11946

  Example:
    >>> import jax.numpy as jnp
    >>> block = MBConv(features=8, stride=2, kernel=5)
    >>> x = jnp.ones((1, 8, 8, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kernel: int = 3
  expand: float = 6
  se: bool = False
  squeeze: linen.Module = squeeze_excite.SqueezeExcite()
  norm: linen.Module = layers.Norm()
  act: layers.Activation = jax.nn.relu6
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    channels = x.shape[-1]
    features = self.features or channels
    hidden = widths.hidden(self.expand, channels)
    y = x
    if self.expand != 1:
      y = layers.ConvNorm(hidden, norm=self.norm, act=self.act, name='expand')(
        y, train
      )
    y = layers.ConvNorm(
      kernel=self.kernel,
      stride=self.stride,
      depthwise=True,
      norm=self.norm,
      act=self.act,
      name='depthwise',
    )(y, train)
    if self.se:
      y = self.squeeze.copy(name='se')(y, channels)
    y = layers.ConvNorm(features, norm=self.norm, name='project')(y, train)
    if self.stride > 1 or features != channels:
      return y
    return x + stochastic_depth.StochasticDepth(self.drop_path)(y, train)


def variants() -> dict[str, linen.Module]:
  """Returns the blocks of MobileNetV2 and V3, MnasNet and EfficientNet."""
  return {
    'mobilenet_v2': MBConv(),
    'mobilenet_v3': MBConv(
      se=True,
      squeeze=squeeze_excite.SqueezeExcite(of='hidden'),
      act=jax.nn.hard_swish,
    ),
    'mnasnet': MBConv(
      kernel=5,
      expand=3,
      se=True,
      squeeze=squeeze_excite.SqueezeExcite(gate=jax.nn.sigmoid),
      act=jax.nn.relu,
    ),
    'efficientnet': MBConv(
      se=True,
      squeeze=squeeze_excite.SqueezeExcite(
        act=jax.nn.silu, gate=jax.nn.sigmoid
      ),
      act=jax.nn.silu,
    ),
  }
