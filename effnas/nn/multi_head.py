"""Projections to heads and back, around any kind of attention."""

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.nn import layers
from effnas.nn.attention import softmax


class MultiHeadAttention(linen.Module):
  """Self-attention: project to heads, mix, project back.

  Attributes:
    mixer: What mixes the positions, from `effnas.nn.attention`.
    heads: Heads of the queries.
    kv_heads: Heads of keys and values, a divisor of `heads`; 0 is `heads`, 1
      is multi-query attention, anything between grouped-query attention.
    head_dim: Channels D of a head; 0 is C / heads.
    bias: Whether the projection to heads has biases; the one back has.

  Cost:
    D = head_dim or C // heads
    E = D
    kv = kv_heads or heads
    MACs = T * C * D * (heads + 2 * kv) + macs(mixer) + T * heads * E * C

  Reference:
    Vaswani et al., 2017, https://arxiv.org/abs/1706.03762; Shazeer, 2019
    (multi-query), https://arxiv.org/abs/1911.02150; Ainslie et al., 2023
    (grouped-query), https://arxiv.org/abs/2305.13245

  Example:
    >>> attention = MultiHeadAttention(heads=4, kv_heads=2)
    >>> x = jnp.ones((1, 5, 8))
    >>> variables = attention.init(jax.random.key(0), x)
    >>> variables['params']['qkv']['kernel'].shape
    (8, 16)
    >>> attention.apply(variables, x).shape
    (1, 5, 8)
  """

  mixer: linen.Module = softmax.Softmax()
  heads: int = 4
  kv_heads: int = 0
  head_dim: int = 0
  bias: bool = False

  @linen.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps a sequence [N, T, C] or a map [N, H, W, C] to the same shape.

    Raises:
      UserError: The heads do not divide the channels, or `kv_heads` does not
        divide the heads.
    """
    batch, *grid, channels = x.shape
    groups = self.kv_heads or self.heads
    if self.heads % groups:
      raise errors.UserError(
        f'kv_heads must divide heads; got {groups} and {self.heads}'
      )
    if not self.head_dim and channels % self.heads:
      raise errors.UserError(
        f'{channels} channels do not divide into {self.heads} heads'
      )
    width = self.head_dim or channels // self.heads
    qkv = layers.Dense(
      (self.heads + 2 * groups) * width, use_bias=self.bias, name='qkv'
    )(x)
    qkv = qkv.reshape(batch, -1, self.heads + 2 * groups, width)
    q, k, v = jnp.split(qkv, (self.heads, self.heads + groups), axis=2)
    y = self.mixer.copy(name='mix')(q, k, v, tuple(grid))
    y = y.reshape(batch, *grid, self.heads * width)
    return layers.Dense(channels, name='out')(y)
