"""ShuffleNetV2's unit: half of the channels is computed, then all are mixed."""

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.nn import layers


def channel_shuffle(x: jax.Array, groups: int = 2) -> jax.Array:
  """Interleaves groups of channels, the first of each, the second of each, ...

  Args:
    x: [..., C], C a multiple of the groups.
    groups: How many groups of adjacent channels there are.

  Returns:
    [..., C].

  Example:
    >>> channel_shuffle(jnp.arange(6)).tolist()
    [0, 3, 1, 4, 2, 5]

  Reference:
    Zhang et al., 2018, ShuffleNet, https://arxiv.org/abs/1707.01083
  """
  split = x.reshape(*x.shape[:-1], groups, -1)
  return split.swapaxes(-1, -2).reshape(x.shape)


class ShuffleUnit(linen.Module):
  """Half of the channels pass, half are computed; then they are shuffled.

  The computed half goes through 1x1, depthwise k x k and 1x1. With a stride or
  a change of channels both halves are computed, from all channels: the other
  one by depthwise k x k and 1x1.

  Attributes:
    features: Output channels F, even; 0 keeps the input's.
    stride: Of the depthwise convolutions.
    kernel: Side of their kernels.
    norm: Template of the normalisations.
    act: Activation after each 1x1 convolution.

  Cost:
    b = F // 2
    whole = stride > 1 or C != F
    MACs = (
      H * W * (C if whole else b) * b
      + H_ * W_ * b * (kernel**2 + b)
      + whole * H_ * W_ * C * (kernel**2 + b)
    )

  Reference:
    Ma et al., 2018, ShuffleNet V2, https://arxiv.org/abs/1807.11164

  Example:
    >>> block = ShuffleUnit(features=8, stride=2)
    >>> variables = block.init(jax.random.key(0), jnp.ones((1, 7, 7, 4)))
    >>> block.apply(variables, jnp.ones((1, 7, 7, 4))).shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kernel: int = 3
  norm: linen.Module = layers.Norm()
  act: layers.Activation = jax.nn.relu

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F].

    Raises:
      UserError: The output channels are odd.
    """
    features = self.features or x.shape[-1]
    if features % 2:
      raise errors.UserError(
        f'ShuffleUnit needs an even number of channels; got {features}, take '
        f'{features - 1} or {features + 1}'
      )
    half = features // 2

    def pointwise(name):
      return layers.ConvNorm(half, norm=self.norm, act=self.act, name=name)

    def depthwise(name):
      return layers.ConvNorm(
        kernel=self.kernel,
        stride=self.stride,
        depthwise=True,
        norm=self.norm,
        name=name,
      )

    if self.stride > 1 or x.shape[-1] != features:
      passed = depthwise('pass_depthwise')(x, train)
      passed = pointwise('pass_pointwise')(passed, train)
      y = x
    else:
      passed, y = jnp.split(x, 2, axis=-1)
    y = pointwise('expand')(y, train)
    y = depthwise('depthwise')(y, train)
    y = pointwise('project')(y, train)
    return channel_shuffle(jnp.concatenate([passed, y], axis=-1))


def variants() -> dict[str, linen.Module]:
  """Returns the published unit."""
  return {'shufflenet_v2': ShuffleUnit()}
