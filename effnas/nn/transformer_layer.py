"""The layer of language models: in three orders, gated or not."""

from flax import linen
import jax

from effnas import errors
from effnas.nn import channels as widths
from effnas.nn import layers, multi_head

ORDERS = ('pre', 'post', 'parallel')


class TransformerLayer(linen.Module):
  """Attention and a perceptron, each added to its input.

  `effnas.nn.encoder.EncoderLayer` is that of vision transformers, with layer
  scale and stochastic depth.

  Attributes:
    attention: Template of a module that mixes positions and keeps the shape.
    mlp: Hidden channels of the perceptron = mlp * C.
    act: Its activation.
    gated: Whether the hidden channels are multiplied by a second projection of
      the input.
    bias: Whether the perceptron has biases.
    norm: Template of the two normalisations, over the last axis.
    order: 'pre' (norm, attention, sum; norm, perceptron, sum), 'post' (a norm
      behind each sum instead), or 'parallel' (both branches from the input,
      each behind a norm of its own, and one sum).
    dropout: Rate behind each branch, in training.

  Cost:
    MACs = macs(attention) + (3 if gated else 2) * T * C * round(mlp * C)

  Reference:
    Vaswani et al., 2017 ('post'), https://arxiv.org/abs/1706.03762; Radford et
    al., 2019 ('pre'), Language Models are Unsupervised Multitask Learners;
    Black et al., 2022 ('parallel'), https://arxiv.org/abs/2204.06745; Shazeer,
    2020 (gated), https://arxiv.org/abs/2002.05202

  Example:
    >>> import jax.numpy as jnp
    >>> layer = TransformerLayer(mlp=2, gated=True, bias=False)
    >>> x = jnp.ones((1, 5, 8))
    >>> variables = layer.init(jax.random.key(0), x)
    >>> {k: tuple(v) for k, v in variables['params'].items() if 'mlp_' in k}
    {'mlp_in': ('kernel',), 'mlp_gate': ('kernel',), 'mlp_out': ('kernel',)}
    >>> layer.apply(variables, x).shape
    (1, 5, 8)
  """

  attention: linen.Module = multi_head.MultiHeadAttention()
  mlp: float = 4
  act: layers.Activation = layers.gelu
  gated: bool = False
  bias: bool = True
  norm: linen.Module = layers.Norm('layer')
  order: str = 'pre'
  dropout: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, T, C] to the same shape.

    Raises:
      UserError: There is no such order.
    """
    if self.order not in ORDERS:
      raise errors.unknown('order', self.order, ORDERS)
    attend = self.attention.copy(name='attend')
    norm_attention = self.norm.copy(name='norm_attention')
    norm_mlp = self.norm.copy(name='norm_mlp')
    drop = linen.Dropout(self.dropout, deterministic=not train)
    if self.order == 'post':
      x = norm_attention(x + drop(attend(x)))
      return norm_mlp(x + drop(self._perceptron(x)))
    y = x + drop(attend(norm_attention(x)))
    if self.order == 'parallel':
      return y + drop(self._perceptron(norm_mlp(x)))
    return y + drop(self._perceptron(norm_mlp(y)))

  def _perceptron(self, x: jax.Array) -> jax.Array:
    channels = x.shape[-1]
    hidden = widths.hidden(self.mlp, channels)
    y = self.act(layers.Dense(hidden, use_bias=self.bias, name='mlp_in')(x))
    if self.gated:
      y *= layers.Dense(hidden, use_bias=self.bias, name='mlp_gate')(x)
    return layers.Dense(channels, use_bias=self.bias, name='mlp_out')(y)
