"""HW-GPT-Bench's decoders, whose layers differ in heads and perceptron."""

from collections.abc import Mapping
import functools
from typing import Any

import jax

from effnas import arguments, errors
from effnas import space as sp
from effnas.nn import layers, multi_head, transformer_layer
from effnas.nn.attention import softmax
from effnas.zoo import decoder, network

PAPER = (
  'Sukthanker et al., 2024, HW-GPT-Bench: Hardware-Aware Architecture '
  'Benchmark for Language Models, https://arxiv.org/abs/2405.10299'
)
INPUT = network.Input((1024,), 'int32')
# Channels, layers and heads to choose from.
_SCALES = {
  's': ((192, 384, 768), (10, 11, 12), (4, 8, 12)),
  'm': ((256, 512, 1024), (22, 23, 24), (8, 12, 16)),
  'l': ((320, 640, 1280), (34, 35, 36), (8, 16, 20)),
}
_RATIOS = (2, 3, 4)
_TOKENS = 50254


def hw_gpt(
  features: arguments.Count = 768,
  heads: tuple[int, ...] = (12,) * 12,
  mlp: tuple[float, ...] = (4,) * 12,
  bias: bool = True,
  classes: arguments.Count = _TOKENS,
  gated: bool = True,
  tied: bool = False,
) -> decoder.Decoder:
  """Returns a decoder of HW-GPT-Bench, as it was profiled.

  Heads have 64 channels whatever their number; a quarter of these is rotated,
  so that the network knows positions. Both branches of a layer start from its
  input. What the benchmark profiled, and counted, differs from the supernet
  that gave its perplexities: a SiLU-gated perceptron of three matrices, where
  that one has two and a GELU, and a head of its own, where that one is tied.
  The benchmark's MACs are those of 8 sequences, without the two products
  inside the attention.

  Args:
    features: Channels.
    heads: Of each layer's attention.
    mlp: Hidden channels of each layer's perceptron over `features`.
    bias: Whether projections have biases; norms have, the head has none.
    classes: Tokens of the vocabulary, and logits of each position.
    gated: Whether the perceptrons are gated, with SiLU.
    tied: Whether the table of the tokens gives the logits too.

  Returns:
    The network; 190,594,560 parameters by default.

  Raises:
    UserError: The layers' heads and perceptrons differ in number.

  Reference:
    Sukthanker et al., 2024, https://arxiv.org/abs/2405.10299
  """
  if len(heads) != len(mlp):
    raise errors.UserError(
      f'heads and mlp have an entry for each layer; got {len(heads)} and '
      f'{len(mlp)}'
    )
  return decoder.Decoder(
    tuple(
      _layer(number, ratio, bias, gated)
      for number, ratio in zip(heads, mlp, strict=True)
    ),
    features,
    classes,
    positions=0,
    tied=tied,
  )


def _layer(
  heads: Any, mlp: Any, bias: Any, gated: bool
) -> transformer_layer.TransformerLayer:
  return transformer_layer.TransformerLayer(
    multi_head.MultiHeadAttention(
      softmax.Softmax(causal=True),
      heads=heads,
      head_dim=64,
      rotary=True,
      bias=bias,
      bias_out=bias,
      rotary_share=0.25,
    ),
    mlp,
    jax.nn.silu if gated else layers.gelu,
    gated=gated,
    bias=bias,
    order='parallel',
  )


def networks() -> dict[str, network.Network]:
  """Returns the largest network of each of the three scales."""
  found = {}
  for scale, (features, depths, heads) in _SCALES.items():
    depth = depths[-1]
    build = functools.partial(
      hw_gpt,
      features=features[-1],
      heads=(heads[-1],) * depth,
      mlp=(_RATIOS[-1],) * depth,
    )
    found[f'hw_gpt_{scale}'] = network.Network(
      build, INPUT.shape, PAPER, INPUT.dtype
    )
  return found


def miniature() -> network.Network:
  """Returns the family in small."""
  build = functools.partial(
    hw_gpt, features=16, heads=(1, 2), mlp=(2, 3), classes=10
  )
  return network.Network(build, (16,), PAPER, INPUT.dtype)


def space(
  scale: str = 's',
  classes: arguments.Count = _TOKENS,
  gated: bool = True,
  tied: bool = False,
) -> sp.Space:
  """Returns a space of HW-GPT-Bench.

  Channels, the number of layers and whether there are biases are one choice
  each; heads and perceptron are one for each layer.

  Args:
    scale: 's', 'm' or 'l'.
    classes: Tokens of the vocabulary, and logits of each position.
    gated: As in `hw_gpt`.
    tied: As in `hw_gpt`.

  Returns:
    A space of which the scale's largest network is a point.

  Raises:
    UserError: There is no such scale.

  Example:
    >>> float(space().size)
    1903784282946.0
  """
  if scale not in _SCALES:
    raise errors.unknown('scale', scale, _SCALES)
  features, depths, heads = _SCALES[scale]
  layer = _layer(
    sp.oneof(*heads),
    sp.oneof(*_RATIOS),
    sp.oneof(False, True, name='bias'),
    gated,
  )
  blocks: Any = sp.repeat(layer, sp.oneof(*depths))
  model = decoder.Decoder(
    blocks,
    sp.oneof(*features),
    classes,
    positions=0,
    tied=tied,
  )
  return sp.Space({'model': model})


def arch(row: Mapping[str, str]) -> dict[str, Any]:
  """Returns the arch that a row of the benchmark's table is about.

  Args:
    row: Columns embed_dim, n_layer, n_head and mlp_ratio (a number for each of
      as many layers as there can be; those behind the last count for nothing),
      bias.

  Example:
    >>> heads, ratios = ' '.join(['8'] * 12), ' '.join(['2'] * 12)
    >>> found = arch({'embed_dim': '192', 'n_layer': '10', 'n_head': heads,
    ...               'mlp_ratio': ratios, 'bias': 'True'})
    >>> found['model.blocks.times'], found['model.blocks.9.attention.heads']
    (10, 8)
  """
  depth = int(row['n_layer'])
  found: dict[str, Any] = {
    'model.features': int(row['embed_dim']),
    'model.blocks.times': depth,
    'bias': row['bias'] == 'True',
  }
  numbers = zip(
    map(int, row['n_head'].split()),
    map(int, row['mlp_ratio'].split()),
    strict=True,
  )
  for i, (heads, ratio) in enumerate(numbers):
    if i < depth:
      found[f'model.blocks.{i}.attention.heads'] = heads
      found[f'model.blocks.{i}.mlp'] = ratio
  return found


def row(arch: Mapping[str, Any]) -> dict[str, str]:
  """Returns the columns of the benchmark's table for an arch.

  Layers behind the last, which the table has numbers for, are left out.

  Args:
    arch: Of `space`.

  Example:
    >>> names = ('attention.heads', 'mlp')
    >>> blocks = {f'model.blocks.{i}.{n}': 4 for i in range(10) for n in names}
    >>> row({'model.features': 192, 'model.blocks.times': 10, 'bias': False}
    ...     | blocks)['n_head']
    '4 4 4 4 4 4 4 4 4 4'
  """
  depth = arch['model.blocks.times']

  def numbers(field: str) -> str:
    return ' '.join(
      str(arch[f'model.blocks.{i}.{field}']) for i in range(depth)
    )

  return {
    'embed_dim': str(arch['model.features']),
    'n_layer': str(depth),
    'n_head': numbers('attention.heads'),
    'mlp_ratio': numbers('mlp'),
    'bias': str(arch['bias']),
  }
