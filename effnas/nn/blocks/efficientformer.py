"""EfficientFormer's two blocks: pooling on maps, and attention."""

import functools

from flax import linen
import jax

from effnas.nn import branch as branch_lib
from effnas.nn import channels as widths
from effnas.nn import encoder, layers, multi_head
from effnas.nn.attention import softmax
from effnas.nn.positions import relative


class Meta4D(linen.Module):
  """Average pooling mixes positions, 1x1 convolutions mix channels.

  Each is a residual branch; the pooling's subtracts its input. A stride or a
  change of channels puts the published 3x3 convolution in front.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the convolution in front.
    pool: Side of the pooling window, odd.
    mlp: Hidden channels = mlp * F.
    bias: Whether convolutions have biases, which the normalisations undo; the
      networks were published with them.
    norm: Template of the normalisations.
    act: Activation of the hidden channels.
    layer_scale: What the factors of each branch's channels start from.
    drop_path: Rate of stochastic depth, for each of the two branches.

  Cost:
    down = 9 * C * F * (stride > 1 or C != F)
    MACs = H_ * W_ * (down + 2 * F * round(mlp * F))

  Reference:
    Li et al., 2022, EfficientFormer, https://arxiv.org/abs/2206.01191; Yu et
    al., 2022, MetaFormer (pooling), https://arxiv.org/abs/2111.11418

  Example:
    >>> import jax.numpy as jnp
    >>> block = Meta4D(features=8, stride=2)
    >>> x = jnp.ones((1, 7, 7, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  pool: int = 3
  mlp: float = 4
  bias: bool = False
  norm: linen.Module = layers.Norm()
  act: layers.Activation = layers.gelu
  layer_scale: float = 1e-5
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    branch = functools.partial(
      branch_lib.Branch, self.layer_scale, self.drop_path
    )
    conv = functools.partial(layers.ConvNorm, bias=self.bias, norm=self.norm)
    x = _down(x, self.features, self.stride, conv, train)
    channels = x.shape[-1]
    y = linen.avg_pool(
      x, (self.pool, self.pool), padding='SAME', count_include_pad=False
    )
    x = x + branch(name='branch_pool')(y.astype(x.dtype) - x, train)
    hidden = widths.hidden(self.mlp, channels)
    y = conv(hidden, act=self.act, name='mlp_in')(x, train)
    y = conv(channels, name='mlp_out')(y, train)
    return x + branch(name='branch_mlp')(y, train)


class Meta3D(linen.Module):
  """An encoder layer with EfficientFormer's attention.

  A stride or a change of channels puts the published 3x3 convolution in front.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the convolution in front.
    attention: Template of a module that maps [N, H, W, F] to the same shape.
    mlp: Hidden channels of the perceptron = mlp * F.
    bias: Whether the convolution in front has a bias, see `Meta4D`.
    norm: Template of its normalisation.
    act: Its activation.
    layer_scale: What the factors of each branch's channels start from.
    drop_path: Rate of stochastic depth, for each of the two branches.

  Cost:
    T = H_ * W_
    MACs = (
      9 * T * C * F * (stride > 1 or C != F)
      + macs(attention, T=T, C=F, grid=(H_, W_))
      + 2 * T * F * round(mlp * F)
    )

  Reference:
    Li et al., 2022, EfficientFormer, https://arxiv.org/abs/2206.01191; Graham
    et al., 2021, LeViT (bias), https://arxiv.org/abs/2104.01136

  Example:
    >>> import jax.numpy as jnp
    >>> block = Meta3D(features=8, stride=2)
    >>> x = jnp.ones((1, 7, 7, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  attention: linen.Module = multi_head.MultiHeadAttention(
    softmax.Softmax(bias=relative.RelativeBias(symmetric=True)),
    heads=8,
    head_dim=32,
    value_dim=128,
    bias=True,
  )
  mlp: float = 4
  bias: bool = False
  norm: linen.Module = layers.Norm()
  act: layers.Activation = layers.gelu
  layer_scale: float = 1e-5
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    conv = functools.partial(layers.ConvNorm, bias=self.bias, norm=self.norm)
    x = _down(x, self.features, self.stride, conv, train)
    return encoder.EncoderLayer(
      self.attention,
      self.mlp,
      self.act,
      self.layer_scale,
      self.drop_path,
      name='encode',
    )(x, train)


def _down(x, features, stride, conv, train):
  """Embeds a map in fewer positions or other channels, where asked."""
  features = features or x.shape[-1]
  if stride == 1 and features == x.shape[-1]:
    return x
  return conv(features, kernel=3, stride=stride, name='down')(x, train)


def variants() -> dict[str, linen.Module]:
  """Returns both blocks; the last stage's last ones have attention."""
  return {'efficientformer_4d': Meta4D(), 'efficientformer_3d': Meta3D()}
