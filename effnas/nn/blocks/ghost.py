"""GhostNet: half of the features are cheap copies of the other half."""

import math

from flax import linen
import jax
import jax.numpy as jnp

from effnas.nn import channels as widths
from effnas.nn import layers, squeeze_excite, stochastic_depth


class GhostModule(linen.Module):
  """A convolution to F / ratio channels; the others are depthwise from them.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the convolution.
    kernel: Side of its kernel.
    ratio: Channels over those that are convolved fully.
    cheap: Side of the depthwise kernel.
    norm: Template of the normalisations.
    act: Activation, or None.

  Cost:
    p = math.ceil(F / ratio)
    MACs = H_ * W_ * p * (kernel**2 * C + (ratio - 1) * cheap**2)

  Reference:
    Han et al., 2020, GhostNet, https://arxiv.org/abs/1911.11907

  Example:
    >>> module = GhostModule(features=8)
    >>> variables = module.init(jax.random.key(0), jnp.ones((1, 7, 7, 6)))
    >>> variables['params']['primary']['conv']['kernel'].shape
    (1, 1, 6, 4)
  """

  features: int = 0
  stride: int = 1
  kernel: int = 1
  ratio: int = 2
  cheap: int = 3
  norm: linen.Module = layers.Norm()
  act: layers.Activation | None = jax.nn.relu

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    features = self.features or x.shape[-1]
    primary = math.ceil(features / self.ratio)
    x = layers.ConvNorm(
      primary,
      kernel=self.kernel,
      stride=self.stride,
      norm=self.norm,
      act=self.act,
      name='primary',
    )(x, train)
    if self.ratio == 1:
      return x
    ghosts = layers.ConvNorm(
      primary * (self.ratio - 1),
      kernel=self.cheap,
      depthwise=True,
      norm=self.norm,
      act=self.act,
      name='ghosts',
    )(x, train)
    # As published: what is too much where the ratio does not divide is cut.
    return jnp.concatenate([x, ghosts], axis=-1)[..., :features]


class GhostBottleneck(linen.Module):
  """Ghost module, depthwise where strided, squeeze-excite, ghost module.

  The shortcut is depthwise k x k and 1x1 where the shape changes.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the depthwise convolution between the modules, which is there
      only with a stride above 1, and of the shortcut's.
    kernel: Side of these depthwise kernels.
    expand: Hidden channels = expand * C.
    ratio: Of both ghost modules.
    cheap: Side of the depthwise kernels in the ghost modules.
    se: Whether to squeeze and excite.
    squeeze: Template of how.
    norm: Template of the normalisations.
    act: Activation of the first module.
    drop_path: Rate of stochastic depth.

  Cost:
    h = round(expand * C)
    p, q = math.ceil(h / ratio), math.ceil(F / ratio)
    MACs = (
      H * W * p * (C + (ratio - 1) * cheap**2)
      + H_ * W_ * h * kernel**2 * (stride > 1)
      + se * macs(squeeze, C=h, entry=C)
      + H_ * W_ * q * (h + (ratio - 1) * cheap**2)
      + H_ * W_ * C * (kernel**2 + F) * (stride > 1 or C != F)
    )

  Reference:
    Han et al., 2020, GhostNet, https://arxiv.org/abs/1911.11907

  Example:
    >>> block = GhostBottleneck(features=8, stride=2)
    >>> x = jnp.ones((1, 7, 7, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kernel: int = 3
  expand: float = 3
  ratio: int = 2
  cheap: int = 3
  se: bool = False
  squeeze: linen.Module = squeeze_excite.SqueezeExcite(of='hidden', divisor=4)
  norm: linen.Module = layers.Norm()
  act: layers.Activation = jax.nn.relu
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    channels = x.shape[-1]
    features = self.features or channels

    def ghost(width, act, name):
      return GhostModule(
        width,
        ratio=self.ratio,
        cheap=self.cheap,
        norm=self.norm,
        act=act,
        name=name,
      )

    def depthwise(name):
      return layers.ConvNorm(
        kernel=self.kernel,
        stride=self.stride,
        depthwise=True,
        norm=self.norm,
        name=name,
      )

    hidden = widths.hidden(self.expand, channels)
    y = ghost(hidden, self.act, 'ghost_expand')(x, train)
    if self.stride > 1:
      y = depthwise('depthwise')(y, train)
    if self.se:
      y = self.squeeze.copy(name='se')(y, channels)
    y = ghost(features, None, 'ghost_project')(y, train)
    if self.stride > 1 or features != channels:
      x = depthwise('shortcut_depthwise')(x, train)
      x = layers.ConvNorm(features, norm=self.norm, name='shortcut_pointwise')(
        x, train
      )
    return x + stochastic_depth.StochasticDepth(self.drop_path)(y, train)


def variants() -> dict[str, linen.Module]:
  """Returns the module, and the bottleneck in both forms of GhostNet."""
  return {
    'ghost_module': GhostModule(),
    'ghostnet': GhostBottleneck(),
    'ghostnet_se': GhostBottleneck(kernel=5, se=True),
  }
