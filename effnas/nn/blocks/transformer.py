"""The transformer's block, on feature maps."""

from flax import linen
import jax

from effnas.nn import encoder, layers, multi_head
from effnas.nn.attention import linear


class TransformerBlock(linen.Module):
  """A pre-norm transformer block on a feature map, for stages of networks.

  A stride averages the map down first; a change of channels is a 1x1
  convolution. Positions come from a 3x3 depthwise convolution added to its
  input, which works at any resolution.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the average pooling in front.
    attention: Template of a module that maps [N, H, W, F] to the same shape.
    mlp: Hidden channels of the two-layer perceptron = mlp * F.
    act: Activation of the perceptron.
    drop_path: Rate of stochastic depth, for each of the two branches.

  Cost:
    T = H_ * W_
    m = round(mlp * F)
    MACs = (
      T * C * F * (C != F)
      + T * 9 * F
      + macs(attention, T=T, C=F, grid=(H_, W_))
      + 2 * T * F * m
    )

  Reference:
    Dosovitskiy et al., 2021, https://arxiv.org/abs/2010.11929; positions as
    in Chu et al., 2021, https://arxiv.org/abs/2102.10882

  Example:
    >>> import jax.numpy as jnp
    >>> block = TransformerBlock(features=8, stride=2)
    >>> x = jnp.ones((1, 8, 8, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  attention: linen.Module = multi_head.MultiHeadAttention()
  mlp: float = 2
  act: layers.Activation = jax.nn.gelu
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    features = self.features or x.shape[-1]
    if self.stride > 1:
      window = (self.stride, self.stride)
      x = linen.avg_pool(
        x, window, window, padding='SAME', count_include_pad=False
      ).astype(x.dtype)
    if x.shape[-1] != features:
      x = layers.ConvNorm(features, name='project')(x, train)
    x = x + layers.Conv(
      features, (3, 3), feature_group_count=features, name='position'
    )(x)
    return encoder.EncoderLayer(
      self.attention,
      self.mlp,
      self.act,
      drop_path=self.drop_path,
      name='encode',
    )(x, train)


def variants() -> dict[str, linen.Module]:
  """Returns the block with softmax and with linear attention."""
  return {
    'transformer': TransformerBlock(),
    'linear_transformer': TransformerBlock(
      attention=multi_head.MultiHeadAttention(linear.Linear())
    ),
  }
