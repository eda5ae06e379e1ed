"""The transformer's encoder layer."""

import functools

from flax import linen
import jax

from effnas.nn import branch as branch_lib
from effnas.nn import channels as widths
from effnas.nn import layers, multi_head


class EncoderLayer(linen.Module):
  """Attention, then a perceptron, each a residual branch behind a LayerNorm.

  Attributes:
    attention: Template of a module that mixes positions and keeps the shape.
    mlp: Hidden channels of the perceptron = mlp * C.
    act: Its activation.
    layer_scale: What the factors of each branch's channels start from; None
      leaves them out.
    drop_path: Rate of stochastic depth, for each of the two branches.
    norm: Template of the two normalisations.

  Cost:
    MACs = macs(attention) + 2 * T * C * round(mlp * C)

  Reference:
    Vaswani et al., 2017, https://arxiv.org/abs/1706.03762; norms in front as
    in Dosovitskiy et al., 2021, https://arxiv.org/abs/2010.11929

  Example:
    >>> import jax.numpy as jnp
    >>> layer = EncoderLayer(multi_head.MultiHeadAttention(heads=2))
    >>> x = jnp.ones((1, 3, 5, 8))
    >>> layer.init_with_output(jax.random.key(0), x)[0].shape
    (1, 3, 5, 8)
  """

  attention: linen.Module = multi_head.MultiHeadAttention()
  mlp: float = 4
  act: layers.Activation = layers.gelu
  layer_scale: float | None = None
  drop_path: float = 0.0
  norm: linen.Module = layers.Norm('layer')

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps a sequence [N, T, C] or a map [N, H, W, C] to the same shape."""
    channels = x.shape[-1]
    branch = functools.partial(
      branch_lib.Branch, self.layer_scale, self.drop_path
    )
    y = self.norm.copy(name='norm_attention')(x, train)
    y = self.attention.copy(name='attend')(y)
    x = x + branch(name='branch_attention')(y, train)
    y = self.norm.copy(name='norm_mlp')(x, train)
    y = self.act(
      layers.Dense(widths.hidden(self.mlp, channels), name='mlp_in')(y)
    )
    y = layers.Dense(channels, name='mlp_out')(y)
    return x + branch(name='branch_mlp')(y, train)
