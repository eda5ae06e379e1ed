"""Softmax and linear attention, and the block that holds either."""

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.nn import layers


def softmax_attention(
  q_BxTxHxD: jax.Array, k_BxSxHxD: jax.Array, v_BxSxHxD: jax.Array
) -> jax.Array:
  """Scaled dot-product attention, O(T S) in time.

  Args:
    q_BxTxHxD: Queries.
    k_BxSxHxD: Keys.
    v_BxSxHxD: Values.

  Returns:
    [B, T, H, D].

  Reference:
    Vaswani et al., 2017, https://arxiv.org/abs/1706.03762
  """
  return jax.nn.dot_product_attention(q_BxTxHxD, k_BxSxHxD, v_BxSxHxD)


def linear_attention(
  q_BxTxHxD: jax.Array, k_BxSxHxD: jax.Array, v_BxSxHxD: jax.Array
) -> jax.Array:
  """Attention with the kernel (elu(q) + 1) (elu(k) + 1), O(T + S) in time.

  Args:
    q_BxTxHxD: Queries.
    k_BxSxHxD: Keys.
    v_BxSxHxD: Values.

  Returns:
    [B, T, H, D]: for each query a convex combination of the values.

  Reference:
    Katharopoulos et al., 2020, https://arxiv.org/abs/2006.16236
  """
  q, k = jax.nn.elu(q_BxTxHxD) + 1, jax.nn.elu(k_BxSxHxD) + 1
  summary_BxHxDxE = jnp.einsum('bshd,bshe->bhde', k, v_BxSxHxD)
  weight_BxTxH = jnp.einsum('bthd,bhd->bth', q, k.sum(1))
  out = jnp.einsum('bthd,bhde->bthe', q, summary_BxHxDxE)
  return out / weight_BxTxH[..., None]


_KINDS = {'softmax': softmax_attention, 'linear': linear_attention}


class Attention(linen.Module):
  """Multi-head self-attention over a sequence.

  Attributes:
    kind: 'softmax' or 'linear'.
    heads: Heads; each has C / heads channels.

  Cost: 4 T C^2 MACs of projections, and 2 T^2 C (softmax) or
  2 T C^2 / heads + T C (linear).
  """

  kind: str = 'softmax'
  heads: int = 4

  @linen.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, T, C] to [B, T, C]."""
    if self.kind not in _KINDS:
      raise errors.unknown('attention', self.kind, _KINDS)
    batch, length, channels = x.shape
    if channels % self.heads:
      raise errors.UserError(
        f'{channels} channels do not divide into {self.heads} heads'
      )
    qkv = layers.Dense(3 * channels, use_bias=False, name='qkv')(x)
    shape = (batch, length, self.heads, channels // self.heads)
    q, k, v = (a.reshape(shape) for a in jnp.split(qkv, 3, axis=-1))
    y = _KINDS[self.kind](q, k, v).reshape(x.shape)
    return layers.Dense(channels, name='out')(y)


class AttentionBlock(linen.Module):
  """A pre-norm transformer block on a feature map, for stages of networks.

  A stride averages the map down first; a change of channels is a 1x1
  convolution. Positions come from a 3x3 depthwise convolution added to its
  input, which works at any resolution.

  Attributes:
    features: Output channels; 0 keeps the input's.
    stride: Of the average pooling in front.
    kind: 'softmax' or 'linear'.
    heads: Attention heads.
    mlp: Hidden channels of the two-layer perceptron = mlp * features.
    act: Activation of the perceptron.

  Cost at T = H' W' positions: T C features (where C changes) + 9 T features +
  the attention's + 2 mlp T features^2 MACs.

  Reference:
    Dosovitskiy et al., 2021, https://arxiv.org/abs/2010.11929; positions as
    in Chu et al., 2021, https://arxiv.org/abs/2102.10882

  Example:
    >>> block = AttentionBlock(features=8, stride=2, kind='linear')
    >>> variables = block.init(jax.random.key(0), jnp.ones((1, 8, 8, 4)))
    >>> block.apply(variables, jnp.ones((1, 8, 8, 4))).shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kind: str = 'softmax'
  heads: int = 4
  mlp: float = 2
  act: layers.Activation = jax.nn.gelu

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H / stride, W / stride, features]."""
    features = self.features or x.shape[-1]
    if self.stride > 1:
      window = (self.stride, self.stride)
      x = linen.avg_pool(
        x, window, window, padding='SAME', count_include_pad=False
      )
    if x.shape[-1] != features:
      x = layers.ConvNorm(features, name='project')(x, train)
    x = x + layers.Conv(
      features, (3, 3), feature_group_count=features, name='position'
    )(x)
    image = x.shape
    x = x.reshape(image[0], -1, features)
    y = layers.Norm('layer', name='norm_attention')(x)
    x = x + Attention(self.kind, self.heads, name='attention')(y)
    y = layers.Norm('layer', name='norm_mlp')(x)
    y = self.act(layers.Dense(round(self.mlp * features), name='mlp_in')(y))
    x = x + layers.Dense(features, name='mlp_out')(y)
    return x.reshape(image)
