"""Encoders of text: BERT, at its own sizes and the small ones after it."""

import functools

from flax import linen
import jax
import jax.numpy as jnp

from effnas import arguments
from effnas.nn import chain, layers, multi_head, transformer_layer
from effnas.nn.positions import learned
from effnas.zoo import network

PAPER = (
  'Devlin et al., 2019, BERT: Pre-training of Deep Bidirectional Transformers '
  'for Language Understanding, https://arxiv.org/abs/1810.04805'
)
_SMALL = (
  'Turc et al., 2019, Well-Read Students Learn Better: On the Importance of '
  'Pre-training Compact Models, https://arxiv.org/abs/1908.08962'
)
# Layers, channels; heads have 64 channels.
_SIZES = {
  'tiny': (2, 128, _SMALL),
  'mini': (4, 256, _SMALL),
  'small': (4, 512, _SMALL),
  'medium': (8, 512, _SMALL),
  'base': (12, 768, PAPER),
  'large': (24, 1024, PAPER),
}


class Encoder(chain.FieldChain):
  """Embedding, transformer layers, and features of the first token.

  Attributes:
    blocks: Templates of the layers, in their order.
    features: Channels C.
    classes: Logits; 0 gives the features of the first token instead.
    vocabulary: Tokens.
    positions: The longest sequence.
    types: Kinds of tokens (sentence A or B); all are of the first here.
    norm: Template of the normalisation behind the embedding.
    dropout: Rate behind embedding and pooled features, in training.

  Cost:
    MACs = sum(macs(block) for block in blocks) + C * C + C * classes

  Reference:
    Devlin et al., 2019, https://arxiv.org/abs/1810.04805

  Example:
    >>> net = miniature().build(classes=3)
    >>> tokens = jnp.zeros((1, 16), int)
    >>> key = jax.random.key(0)
    >>> jax.eval_shape(net.init_with_output, key, tokens)[0].shape
    (1, 3)
  """

  chained = 'blocks'

  blocks: tuple[linen.Module, ...]
  features: int = 768
  classes: int = 0
  vocabulary: int = 30522
  positions: int = 512
  types: int = 2
  norm: linen.Module = layers.Norm('layer', epsilon=1e-12)
  dropout: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps tokens [N, T] to logits [N, classes], or features [N, C].

    Raises:
      UserError: The sequence is longer than `positions`.
    """
    drop = linen.Dropout(self.dropout, deterministic=not train)
    embed = functools.partial(
      linen.Embed,
      features=self.features,
      embedding_init=linen.initializers.normal(0.02),
    )
    first = jnp.zeros_like(x)
    x = embed(self.vocabulary, name='embed')(x)
    if self.types:
      x += embed(self.types, name='type')(first)
    x = learned.Learned(self.positions, name='position')(x)
    x = drop(self.norm.copy(name='normalise')(x))
    for i, layer in enumerate(self.blocks):
      x = layer.copy(name=f'layer_{i}')(x, train)
    x = jnp.tanh(layers.Dense(self.features, name='pool')(x[:, 0]))
    if not self.classes:
      return x
    return layers.Dense(self.classes, name='classifier')(drop(x))


def bert(
  depth: arguments.Depth = 12,
  features: arguments.Count = 768,
  heads: arguments.Whole = 0,
  classes: arguments.Whole = 0,
  vocabulary: arguments.Count = 30522,
  positions: arguments.Count = 512,
  types: arguments.Count = 2,
  mlp: arguments.Positive = 4,
  dropout: arguments.Decay = 0.1,
  epsilon: arguments.Positive = 1e-12,
) -> Encoder:
  """Returns BERT: norms behind the sums, exact GELU.

  Weights of the attention are not dropped in training, as they are in BERT,
  and there is no padding: all positions are attended to.

  Args:
    depth: Layers.
    features: Channels.
    heads: Of the attention; 0 gives each 64 channels.
    classes: Logits; 0 gives the features of the first token instead.
    vocabulary: Tokens.
    positions: The longest sequence.
    types: Kinds of tokens.
    mlp: Hidden channels of the perceptrons over `features`.
    dropout: Rate behind embedding, branches and pooled features.
    epsilon: Of the norms.

  Returns:
    The network; 109,482,240 parameters, and 48,318,971,904 MACs for 512
    tokens, by default.

  Reference:
    Devlin et al., 2019, https://arxiv.org/abs/1810.04805
  """
  norm = layers.Norm('layer', epsilon=epsilon)
  layer = transformer_layer.TransformerLayer(
    multi_head.MultiHeadAttention(heads=heads or features // 64, bias=True),
    mlp,
    norm=norm,
    order='post',
    dropout=dropout,
  )
  return Encoder(
    (layer,) * depth,
    features,
    classes,
    vocabulary,
    positions,
    types,
    norm,
    dropout,
  )


def networks() -> dict[str, network.Network]:
  """Returns the two sizes of BERT and the four small ones."""
  return {
    f'bert_{size}': network.Network(
      functools.partial(bert, depth=depth, features=features),
      (512,),
      paper,
      'int32',
    )
    for size, (depth, features, paper) in _SIZES.items()
  }


def miniature() -> network.Network:
  """Returns the family in small."""
  build = functools.partial(
    bert,
    depth=2,
    features=16,
    heads=2,
    classes=10,
    vocabulary=20,
    positions=16,
  )
  return network.Network(build, (16,), PAPER, 'int32')
