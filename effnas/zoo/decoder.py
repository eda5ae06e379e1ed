"""Decoders that predict the next token: GPT-2, and one over characters."""

import functools

from flax import linen
import jax

from effnas import arguments
from effnas.nn import chain, layers, multi_head, transformer_layer
from effnas.nn.attention import softmax
from effnas.nn.positions import learned
from effnas.zoo import network

PAPER = (
  'Radford et al., 2019, Language Models are Unsupervised Multitask Learners, '
  'https://cdn.openai.com/better-language-models/'
  'language_models_are_unsupervised_multitask_learners.pdf'
)
# Layers, channels, heads (table 2 of the paper; heads from its code).
_SIZES = {
  'small': (12, 768, 12),
  'medium': (24, 1024, 16),
  'large': (36, 1280, 20),
  'xl': (48, 1600, 25),
}


class Decoder(chain.FieldChain):
  """Embedding, transformer layers, a norm, and a logit for each token.

  Whether a position sees those behind it is up to the attention.

  Attributes:
    blocks: Templates of the layers, in their order.
    features: Channels C.
    classes: Tokens of the vocabulary, and logits of each position.
    positions: The longest sequence, where positions are learned; 0 where the
      layers know them, as with rotary attention.
    tied: Whether the table of the tokens gives the logits too.
    norm: Template of the last normalisation.
    dropout: Rate behind the embedding, in training.

  Cost:
    MACs = sum(macs(block) for block in blocks) + T * C * classes

  Reference:
    Radford et al., 2019, Language Models are Unsupervised Multitask Learners

  Example:
    >>> import jax.numpy as jnp
    >>> net = miniature().build()
    >>> tokens = jnp.zeros((1, 16), int)
    >>> key = jax.random.key(0)
    >>> jax.eval_shape(net.init_with_output, key, tokens)[0].shape
    (1, 16, 10)
  """

  chained = 'blocks'

  blocks: tuple[linen.Module, ...]
  features: int = 768
  classes: int = 50257
  positions: int = 1024
  tied: bool = True
  norm: linen.Module = layers.Norm('layer')
  dropout: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps tokens [N, T] to logits [N, T, classes].

    Raises:
      UserError: The sequence is longer than the learned positions.
    """
    embed = linen.Embed(
      self.classes,
      self.features,
      embedding_init=linen.initializers.normal(0.02),
      name='embed',
    )
    x = embed(x)
    if self.positions:
      x = learned.Learned(self.positions, name='position')(x)
    x = linen.Dropout(self.dropout, deterministic=not train)(x)
    for i, layer in enumerate(self.blocks):
      x = layer.copy(name=f'layer_{i}')(x, train)
    x = self.norm.copy(name='normalise')(x)
    if self.tied:
      return embed.attend(x)
    return layers.Dense(self.classes, use_bias=False, name='classifier')(x)


def gpt(
  depth: arguments.Depth = 12,
  features: arguments.Count = 768,
  heads: arguments.Count = 12,
  classes: arguments.Count = 50257,
  positions: arguments.Count = 1024,
  mlp: arguments.Positive = 4,
  act: layers.Activation = jax.nn.gelu,
  bias: bool = True,
  tied: bool = True,
  dropout: arguments.Decay = 0.1,
) -> Decoder:
  """Returns a decoder as GPT-2: norms in front, causal softmax attention.

  Weights of the attention are not dropped in training, as they are in GPT-2.

  Args:
    depth: Layers.
    features: Channels.
    heads: Of the attention.
    classes: Tokens of the vocabulary, and logits of each position.
    positions: The longest sequence.
    mlp: Hidden channels of the perceptrons over `features`.
    act: Their activation; GPT-2's approximates the GELU by tanh.
    bias: Whether projections and norms have biases.
    tied: Whether the table of the tokens gives the logits too.
    dropout: Rate behind embedding and branches.

  Returns:
    The network; 124,439,808 parameters, and 145,824,153,600 MACs for 1024
    tokens, by default.

  Reference:
    Radford et al., 2019, Language Models are Unsupervised Multitask Learners
  """
  norm: linen.Module = layers.Norm('layer')
  if not bias:
    norm = linen.LayerNorm(1e-5, use_bias=False)
  attention = multi_head.MultiHeadAttention(
    softmax.Softmax(causal=True), heads=heads, bias=bias, bias_out=bias
  )
  layer = transformer_layer.TransformerLayer(
    attention, mlp, act, bias=bias, norm=norm, dropout=dropout
  )
  return Decoder(
    (layer,) * depth, features, classes, positions, tied, norm, dropout
  )


def networks() -> dict[str, network.Network]:
  """Returns GPT-2's four sizes, and nanoGPT's network for tiny Shakespeare."""
  found = {}
  for size, (depth, features, heads) in _SIZES.items():
    build = functools.partial(gpt, depth=depth, features=features, heads=heads)
    found[f'gpt2_{size}'] = network.Network(build, (1024,), PAPER, 'int32')
  characters = functools.partial(
    gpt,
    depth=6,
    features=384,
    heads=6,
    classes=65,
    positions=256,
    act=layers.gelu,
    bias=False,
    dropout=0.2,
  )
  paper = 'Karpathy, 2022, nanoGPT, https://github.com/karpathy/nanoGPT'
  found['nanogpt_shakespeare'] = network.Network(
    characters, (256,), paper, 'int32'
  )
  return found


def miniature() -> network.Network:
  """Returns the family in small."""
  build = functools.partial(
    gpt, depth=2, features=16, heads=2, classes=10, positions=16
  )
  return network.Network(build, (16,), PAPER, 'int32')
