"""MBConv: the inverted residual with a depthwise convolution in its middle."""

from flax import linen
import jax

from effnas.nn import layers


class SqueezeExcite(linen.Module):
  """Scales channels by a gate computed from their means.

  Attributes:
    reduced: Channels of the bottleneck.

  Cost: 2 C reduced MACs.

  Reference:
    Hu et al., 2018, Squeeze-and-Excitation Networks,
    https://arxiv.org/abs/1709.01507
  """

  reduced: int

  @linen.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [N, H, W, C] to the same shape."""
    gate = x.mean((1, 2))
    gate = jax.nn.relu(layers.Dense(self.reduced, name='reduce')(gate))
    gate = layers.Dense(x.shape[-1], name='expand')(gate)
    return x * jax.nn.hard_sigmoid(gate)[:, None, None, :]


class MBConv(linen.Module):
  """Expand 1x1, depthwise k x k, squeeze-excite, project 1x1, shortcut.

  Attributes:
    features: Output channels; 0 keeps the input's.
    stride: Of the depthwise convolution.
    kernel: Side of the depthwise kernel.
    expand: Hidden channels = expand * C; 1 leaves the expansion out.
    se: Whether to squeeze and excite (to a quarter of the input's channels).
    act: Activation after expansion and depthwise convolution.

  Cost, h = expand C: H W C h + H' W' k^2 h + H' W' h features MACs, and
  2 h max(1, C / 4) more with squeeze-excite.

  Reference:
    Sandler et al., 2018, MobileNetV2, https://arxiv.org/abs/1801.04381;
    Tan et al., 2019, MnasNet, https://arxiv.org/abs/1807.11626

  Example:
    >>> import jax.numpy as jnp
    >>> block = MBConv(features=8, stride=2, kernel=5)
    >>> variables = block.init(jax.random.key(0), jnp.ones((1, 8, 8, 4)))
    >>> block.apply(variables, jnp.ones((1, 8, 8, 4))).shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kernel: int = 3
  expand: float = 6
  se: bool = False
  act: layers.Activation = jax.nn.relu6

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H / stride, W / stride, features]."""
    channels = x.shape[-1]
    features = self.features or channels
    y = x
    if self.expand != 1:
      hidden = round(self.expand * channels)
      y = layers.ConvNorm(hidden, act=self.act, name='expand')(y, train)
    y = layers.ConvNorm(
      kernel=self.kernel,
      stride=self.stride,
      depthwise=True,
      act=self.act,
      name='depthwise',
    )(y, train)
    if self.se:
      y = SqueezeExcite(max(1, channels // 4), name='se')(y)
    y = layers.ConvNorm(features, name='project')(y, train)
    return x + y if y.shape == x.shape else y
