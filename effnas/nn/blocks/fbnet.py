"""FBNet's block: an inverted residual whose 1x1 convolutions may be grouped."""

from flax import linen
import jax

from effnas import errors
from effnas.nn import channels as widths
from effnas.nn import layers
from effnas.nn.blocks import shuffle


class FBNetBlock(linen.Module):
  """1x1 in groups, shuffle, depthwise k x k, 1x1 in groups, shortcut.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the depthwise convolution.
    kernel: Side of the depthwise kernel.
    expand: Hidden channels = expand * C.
    groups: Of both 1x1 convolutions; each has to split C, F and the hidden
      channels evenly. Channels are shuffled between them.
    always_expand: Whether the first 1x1 convolution is there where expand is 1,
      too: as in the paper, not in its published code.
    norm: Template of the normalisations.
    act: Activation after the first two convolutions.

  Cost:
    h = round(expand * C)
    MACs = (
      H * W * C * h // groups * (always_expand or expand != 1)
      + H_ * W_ * h * (kernel**2 + F // groups)
    )

  Reference:
    Wu et al., 2019, FBNet, https://arxiv.org/abs/1812.03443, figure 3

  Example:
    >>> import jax.numpy as jnp
    >>> block = FBNetBlock(features=8, stride=2, expand=1, groups=2)
    >>> x = jnp.ones((1, 7, 7, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kernel: int = 3
  expand: float = 6
  groups: int = 1
  always_expand: bool = True
  norm: linen.Module = layers.Norm()
  act: layers.Activation = jax.nn.relu

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F].

    Raises:
      UserError: The groups do not split the channels evenly.
    """
    channels = x.shape[-1]
    features = self.features or channels
    hidden = widths.hidden(self.expand, channels)
    if channels % self.groups or hidden % self.groups or features % self.groups:
      raise errors.UserError(
        f'FBNetBlock has channels in multiples of its groups ({self.groups}); '
        f'got {channels}, {hidden} and {features}'
      )
    y = x
    if self.always_expand or self.expand != 1:
      y = layers.ConvNorm(
        hidden,
        groups=self.groups,
        norm=self.norm,
        act=self.act,
        name='expand',
      )(y, train)
    if self.groups > 1:
      y = shuffle.channel_shuffle(y, self.groups)
    y = layers.ConvNorm(
      kernel=self.kernel,
      stride=self.stride,
      depthwise=True,
      norm=self.norm,
      act=self.act,
      name='depthwise',
    )(y, train)
    y = layers.ConvNorm(
      features, groups=self.groups, norm=self.norm, name='project'
    )(y, train)
    if self.stride > 1 or features != channels:
      return y
    return x + y


def variants() -> dict[str, linen.Module]:
  """Returns the block as drawn in the paper and as published in code."""
  return {
    'fbnet': FBNetBlock(),
    'fbnet_grouped': FBNetBlock(kernel=5, expand=1, groups=2),
    'fbnet_released': FBNetBlock(expand=1, groups=2, always_expand=False),
  }
