"""The search space of AutoFormer: vision transformers, layer by layer."""

from typing import Any

from effnas import arguments
from effnas import space as sp
from effnas.nn import layers
from effnas.zoo import deit, network

PAPER = (
  'Chen et al., 2021, AutoFormer: Searching Transformers for Visual '
  'Recognition, https://arxiv.org/abs/2107.00651'
)
INPUT = network.Input((224, 224, 3))


def space(
  widths: arguments.Counts = (192, 216, 240),
  depths: arguments.Depths = (12, 13, 14),
  heads: arguments.Counts = (3, 4),
  mlps: arguments.Positives = (3, 3.5, 4),
  patch: arguments.Count = 16,
  classes: arguments.Count = 1000,
  epsilon: arguments.Positive = deit.EPSILON,
) -> sp.Space:
  """Returns the space of the tiny networks by default.

  The embedding's width and the depth are chosen for the network, heads (of 64
  channels) and the perceptron's ratio for each layer. The paper's small
  networks are widths 320, 384, 448, heads 5, 6, 7; its base ones widths 528,
  576, 624, depths 14, 15, 16, heads 8, 9, 10. Its table has ratios from 3.5 in
  the tiny space; 3 is offered because the network found there has it. Positions
  are absolute, as in DeiT; the paper adds relative ones to keys and values.

  Args:
    widths: Channels of a token.
    depths: Numbers of encoder layers.
    heads: Of a layer.
    mlps: Hidden channels of a layer's perceptron over its channels.
    patch: Side of a patch; 16 as published, 4 for images of 32x32.
    classes: Logits.
    epsilon: Of the layer normalisations.

  Returns:
    A space of which DeiT-Ti is a point.

  Reference:
    Chen et al., 2021, https://arxiv.org/abs/2107.00651

  Example:
    >>> f'{space().size:.1e}'
    '2.8e+11'
  """
  norm = layers.Norm('layer', epsilon=epsilon)
  template = deit.layer(sp.oneof(*heads), sp.oneof(*mlps), norm)
  encoders: Any = sp.repeat(template, sp.oneof(*depths))
  return sp.Space(
    {
      'model': deit.VisionTransformer(
        encoders,
        features=sp.oneof(*widths),
        patch=patch,
        classes=classes,
        norm=norm,
      )
    }
  )
