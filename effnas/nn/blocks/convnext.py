"""ConvNeXt: a transformer's block that convolves where it would attend."""

from flax import linen
import jax

from effnas.nn import branch, layers
from effnas.nn import channels as widths

# Of layer normalisation in the published code.
_EPSILON = 1e-6


class ConvNeXt(linen.Module):
  """Depthwise k x k, normalisation, two-layer perceptron, layer scale.

  A stride or a change of channels is a normalisation and a convolution of
  stride x stride in front, without overlap; a map that the stride does not
  divide gains zeros at its far ends.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the convolution in front.
    kernel: Side of the depthwise kernel.
    mlp: Hidden channels of the perceptron = mlp * F.
    act: Activation of the perceptron.
    layer_scale: What the factors of the branch's channels start from; None
      leaves them out.
    drop_path: Rate of stochastic depth.

  Cost:
    m = round(mlp * F)
    MACs = H_ * W_ * F * (
      stride**2 * C * (stride > 1 or C != F) + kernel**2 + 2 * m
    )

  Reference:
    Liu et al., 2022, A ConvNet for the 2020s, https://arxiv.org/abs/2201.03545

  Example:
    >>> import jax.numpy as jnp
    >>> block = ConvNeXt(features=8, stride=2)
    >>> x = jnp.ones((1, 7, 7, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kernel: int = 7
  mlp: float = 4
  act: layers.Activation = layers.gelu
  layer_scale: float | None = 1e-6
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    features = self.features or x.shape[-1]
    if self.stride > 1 or x.shape[-1] != features:
      x = layers.Norm('layer', epsilon=_EPSILON, name='norm_down')(x)
      x = layers.Conv(
        features,
        (self.stride, self.stride),
        self.stride,
        padding=[(0, -size % self.stride) for size in x.shape[1:3]],
        name='down',
      )(x)
    y = layers.Conv(
      features,
      (self.kernel, self.kernel),
      padding=layers.same(self.kernel),
      feature_group_count=features,
      name='depthwise',
    )(x)
    y = layers.Norm('layer', epsilon=_EPSILON, name='norm')(y)
    y = self.act(
      layers.Dense(widths.hidden(self.mlp, features), name='mlp_in')(y)
    )
    y = layers.Dense(features, name='mlp_out')(y)
    end = branch.Branch(self.layer_scale, self.drop_path, name='branch')
    return x + end(y, train)


def variants() -> dict[str, linen.Module]:
  """Returns the published block."""
  return {'convnext': ConvNeXt()}
