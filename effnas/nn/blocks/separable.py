"""The depthwise-separable convolution of MobileNetV1."""

from flax import linen
import jax

from effnas.nn import layers


class Separable(linen.Module):
  """A depthwise convolution, then a 1x1 convolution over the channels.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the depthwise convolution.
    kernel: Side of the depthwise kernel.
    dilation: Distance between its taps.
    norm: Template of the normalisations.
    act: Activation after each of the two.

  Cost:
    MACs = H_ * W_ * C * (kernel**2 + F)

  Reference:
    Howard et al., 2017, MobileNets, https://arxiv.org/abs/1704.04861

  Example:
    >>> import jax.numpy as jnp
    >>> block = Separable(features=8, stride=2)
    >>> variables = block.init(jax.random.key(0), jnp.ones((1, 7, 7, 4)))
    >>> block.apply(variables, jnp.ones((1, 7, 7, 4))).shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kernel: int = 3
  dilation: int = 1
  norm: linen.Module = layers.Norm()
  act: layers.Activation = jax.nn.relu

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    features = self.features or x.shape[-1]
    x = layers.ConvNorm(
      kernel=self.kernel,
      stride=self.stride,
      dilation=self.dilation,
      depthwise=True,
      norm=self.norm,
      act=self.act,
      name='depthwise',
    )(x, train)
    return layers.ConvNorm(
      features, norm=self.norm, act=self.act, name='pointwise'
    )(x, train)


def variants() -> dict[str, linen.Module]:
  """Returns MobileNetV1's block, and one that sees further."""
  return {
    'mobilenet_v1': Separable(),
    'dilated_separable': Separable(kernel=5, dilation=2),
  }
