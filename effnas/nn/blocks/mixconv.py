"""MixConv: depthwise kernels of several sizes, each on some of the channels."""

from collections.abc import Sequence

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.nn import channels as widths
from effnas.nn import layers, squeeze_excite, stochastic_depth


def parts(channels: int, number: int) -> list[int]:
  """Splits channels evenly; the first part takes what is left over.

  Args:
    channels: Channels.
    number: Parts, at most as many.

  Returns:
    Channels of each part.

  Raises:
    UserError: There are more parts than channels.

  Example:
    >>> parts(16, 3)
    [6, 5, 5]

  Reference:
    Tan and Le, 2019, https://arxiv.org/abs/1907.09595 (its published code)
  """
  if not 1 <= number <= channels:
    raise errors.UserError(
      f'{channels} channels split into 1 to {channels} parts; got {number}'
    )
  each = channels // number
  return [channels - each * (number - 1)] + [each] * (number - 1)


class MixedConvNorm(linen.Module):
  """Convolves each part of the channels with a kernel of its own.

  Attributes:
    features: Output channels F, split as the input's; 0 keeps them.
    kernels: Side of each part's kernel.
    stride: Of all.
    depthwise: Whether each filter sees one channel only.
    norm: Template of the normalisations.
    act: Activation, or None.

  Cost:
    n = len(kernels)
    part = lambda c, i: c // n + (c % n if i == 0 else 0)
    MACs = H_ * W_ * sum(
      k**2 * part(F, i) * (1 if depthwise else part(C, i))
      for i, k in enumerate(kernels)
    )
  """

  features: int = 0
  kernels: Sequence[int] = (3, 5, 7)
  stride: int = 1
  depthwise: bool = False
  norm: linen.Module = layers.Norm()
  act: layers.Activation | None = None

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    channels = x.shape[-1]
    number = len(self.kernels)
    widths = parts(self.features or channels, number)
    outs, start = [], 0
    for i, width in enumerate(parts(channels, number)):
      conv = layers.ConvNorm(
        widths[i],
        kernel=self.kernels[i],
        stride=self.stride,
        depthwise=self.depthwise,
        norm=self.norm,
        act=self.act,
        name=f'part_{i}',
      )
      outs.append(conv(x[..., start : start + width], train))
      start += width
    return jnp.concatenate(outs, axis=-1)


class MixConv(linen.Module):
  """MBConv with mixed depthwise kernels, and 1x1 convolutions in groups.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the depthwise convolutions.
    kernels: Sides of the depthwise kernels, each for a part of the channels.
    expand: Hidden channels = expand * C; 1 leaves the expansion out.
    expand_groups: Groups of the expansion.
    project_groups: Groups of the projection.
    se: Whether to squeeze and excite.
    squeeze: Template of how.
    norm: Template of the normalisations.
    act: Activation after expansion and depthwise convolutions.
    drop_path: Rate of stochastic depth, where there is a shortcut.

  Cost:
    h = round(expand * C)
    n, e, p = len(kernels), expand_groups, project_groups
    part = lambda c, n, i: c // n + (c % n if i == 0 else 0)
    MACs = (
      H * W * sum(part(C, e, i) * part(h, e, i) for i in range(e))
      * (expand != 1)
      + H_ * W_ * sum(part(h, n, i) * k**2 for i, k in enumerate(kernels))
      + H_ * W_ * sum(part(h, p, i) * part(F, p, i) for i in range(p))
      + se * macs(squeeze, C=h, entry=C)
    )

  Reference:
    Tan and Le, 2019, MixConv: Mixed Depthwise Convolutional Kernels,
    https://arxiv.org/abs/1907.09595

  Example:
    >>> block = MixConv(features=8, stride=2, kernels=(3, 5))
    >>> x = jnp.ones((1, 7, 7, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kernels: Sequence[int] = (3, 5, 7)
  expand: float = 6
  expand_groups: int = 1
  project_groups: int = 1
  se: bool = False
  squeeze: linen.Module = squeeze_excite.SqueezeExcite(
    0.5, act=jax.nn.silu, gate=jax.nn.sigmoid
  )
  norm: linen.Module = layers.Norm()
  act: layers.Activation = jax.nn.silu
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    channels = x.shape[-1]
    features = self.features or channels
    y = x
    if self.expand != 1:
      y = MixedConvNorm(
        widths.hidden(self.expand, channels),
        (1,) * self.expand_groups,
        norm=self.norm,
        act=self.act,
        name='expand',
      )(y, train)
    y = MixedConvNorm(
      kernels=self.kernels,
      stride=self.stride,
      depthwise=True,
      norm=self.norm,
      act=self.act,
      name='depthwise',
    )(y, train)
    if self.se:
      y = self.squeeze.copy(name='se')(y, channels)
    y = MixedConvNorm(
      features, (1,) * self.project_groups, norm=self.norm, name='project'
    )(y, train)
    if self.stride > 1 or features != channels:
      return y
    return x + stochastic_depth.StochasticDepth(self.drop_path)(y, train)


def variants() -> dict[str, linen.Module]:
  """Returns two blocks of MixNet-S, one with grouped 1x1 convolutions."""
  return {
    'mixnet': MixConv(se=True),
    'mixnet_grouped': MixConv(
      kernels=(3, 5, 7, 9),
      expand=3,
      expand_groups=2,
      project_groups=2,
      se=True,
    ),
  }
