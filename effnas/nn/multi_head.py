"""Projections to heads and back, around any kind of attention."""

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.nn import layers
from effnas.nn.attention import softmax
from effnas.nn.positions import rotary as rotary_lib


class MultiHeadAttention(linen.Module):
  """Self-attention: project to heads, mix, project back.

  Attributes:
    mixer: What mixes the positions, from `effnas.nn.attention`.
    heads: Heads of the queries.
    kv_heads: Heads of keys and values, a divisor of `heads`; 0 is `heads`, 1
      is multi-query attention, anything between grouped-query attention.
    head_dim: Channels D of a head's queries and keys; 0 is C / heads.
    value_dim: Channels E of a head's values; 0 is D.
    rotary: Whether queries and keys are rotated by their positions, counted in
      row-major order, see `effnas.nn.positions.rotary`.
    bias: Whether the projection to heads has biases.
    bias_out: Whether the one back has.
    rotary_share: Share of each head's channels, the first ones, that is
      rotated; their number is even.

  Cost:
    D = head_dim or C // heads
    E = value_dim or D
    kv = kv_heads or heads
    MACs = (
      T * C * (D * (heads + kv) + E * kv)
      + macs(mixer)
      + T * heads * E * C
    )

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
  value_dim: int = 0
  rotary: bool = False
  bias: bool = False
  bias_out: bool = True
  rotary_share: float = 1.0

  @linen.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps a sequence [N, T, C] or a map [N, H, W, C] to the same shape.

    Raises:
      UserError: There are no heads, they do not divide the channels, `kv_heads`
        does not divide them, or the rotated channels are odd in number.
    """
    batch, *grid, channels = x.shape
    if self.heads < 1 or self.kv_heads < 0:
      raise errors.UserError(
        f'attention has 1 head or more, got heads={self.heads} and '
        f'kv_heads={self.kv_heads}'
      )
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
    value_width = self.value_dim or width
    queries, keys = self.heads * width, groups * width
    qkv = layers.Dense(
      queries + keys + groups * value_width, use_bias=self.bias, name='qkv'
    )(x.reshape(batch, -1, channels))
    q, k, v = jnp.split(qkv, (queries, queries + keys), axis=-1)
    q = q.reshape(batch, -1, self.heads, width)
    k = k.reshape(batch, -1, groups, width)
    v = v.reshape(batch, -1, groups, value_width)
    if self.rotary:
      q, k = self._rotate(q), self._rotate(k)
    y = self.mixer.copy(name='mix')(q, k, v, tuple(grid))
    y = y.reshape(batch, *grid, self.heads * value_width)
    return layers.Dense(channels, use_bias=self.bias_out, name='out')(y)

  def _rotate(self, x_BxTxHxD: jax.Array) -> jax.Array:
    turned = int(self.rotary_share * x_BxTxHxD.shape[-1])
    first = rotary_lib.rotate(x_BxTxHxD[..., :turned])
    return jnp.concatenate((first, x_BxTxHxD[..., turned:]), axis=-1)
