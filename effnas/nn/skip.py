"""A layer that a search may leave out."""

from flax import linen
import jax

from effnas.nn import layers


class Skip(linen.Module):
  """Passes its input on, by a 1x1 convolution where the shape changes.

  Attributes:
    features: Output channels F.
    stride: Of both axes.
    norm: Template of the convolution's normalisation.
    act: Its activation, or None.

  Cost:
    MACs = H_ * W_ * C * F * (stride > 1 or F != C)
  """

  features: int
  stride: int = 1
  norm: linen.Module = layers.Norm()
  act: layers.Activation | None = None

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    if self.stride == 1 and self.features == x.shape[-1]:
      return x
    return layers.ConvNorm(
      self.features,
      stride=self.stride,
      norm=self.norm,
      act=self.act,
      name='downsample',
    )(x, train)
