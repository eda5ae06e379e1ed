"""DeiT: the vision transformer, at three widths."""

from collections.abc import Sequence
import functools

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np

from effnas import arguments, errors
from effnas.nn import chain, encoder, layers, multi_head
from effnas.zoo import network, pytorch

PAPER = (
  'Touvron et al., 2021, Training Data-Efficient Image Transformers and '
  'Distillation through Attention, https://arxiv.org/abs/2012.12877'
)
# Channels; heads of 64 each.
_WIDTHS = {'tiny': 192, 'small': 384, 'base': 768}
_HEAD = 64
EPSILON = 1e-6
_ENCODER = {
  'norm_attention': 'norm1',
  'attend/qkv': 'attn.qkv',
  'attend/out': 'attn.proj',
  'norm_mlp': 'norm2',
  'mlp_in': 'mlp.fc1',
  'mlp_out': 'mlp.fc2',
}
_TORCH = pytorch.by_rules(
  [
    ('patch', 'patch_embed.proj'),
    ('class_token', 'cls_token'),
    ('positions', 'pos_embed'),
    ('norm_head', 'norm'),
    ('classifier', 'head'),
    *(
      (rf'encoders_(\d+)/{ours}', rf'blocks.\1.{theirs}')
      for ours, theirs in _ENCODER.items()
    ),
  ]
)


class VisionTransformer(chain.FieldChain):
  """Patches and a class token through encoder layers; the token decides.

  Positions are learned, one vector for each patch of the image size that the
  parameters were made for, and one for the token.

  Attributes:
    encoders: The layers; each maps [N, T, C] to the same shape.
    features: Channels C of a token.
    patch: Side of a patch.
    classes: Logits.
    norm: Template of the normalisation before the classifier.

  Reference:
    Dosovitskiy et al., 2021, An Image is Worth 16x16 Words,
    https://arxiv.org/abs/2010.11929

  Example:
    >>> net = VisionTransformer((encoder.EncoderLayer(),), features=8)
    >>> x = jnp.ones((1, 32, 48, 3))
    >>> logits, variables = jax.eval_shape(
    ...   net.init_with_output, jax.random.key(0), x)
    >>> variables['params']['positions'].shape  # 2 x 3 patches, class token
    (1, 7, 8)
    >>> logits.shape
    (1, 1000)
  """

  chained = 'encoders'

  encoders: Sequence[linen.Module]
  features: int = 192
  patch: int = 16
  classes: int = 1000
  norm: linen.Module = layers.Norm('layer', epsilon=EPSILON)

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps images [N, H, W, C] to logits [N, classes].

    Raises:
      UserError: H or W is no multiple of the patch.
    """
    height, width = x.shape[1:3]
    if height % self.patch or width % self.patch:
      raise errors.UserError(
        f'an image is whole patches of {self.patch}x{self.patch}; got '
        f'{height}x{width}'
      )
    side = (self.patch, self.patch)
    x = layers.Conv(self.features, side, side, padding=0, name='patch')(x)
    x = x.reshape(x.shape[0], -1, self.features)
    normal = linen.initializers.truncated_normal(0.02)
    token = self.param('class_token', normal, (1, 1, self.features))
    token = jnp.broadcast_to(token, (x.shape[0], 1, self.features))
    x = jnp.concatenate((token.astype(x.dtype), x), axis=1)
    positions = self.param('positions', normal, (1, *x.shape[1:]))
    x = x + positions.astype(x.dtype)
    for layer in self.encoders:
      x = layer(x, train)
    # The norm acts on each token by itself.
    x = self.norm.copy(name='norm_head')(x[:, 0], train)
    return layers.Dense(self.classes, name='classifier')(x)


def deit(
  features: arguments.Count = 192,
  depth: arguments.Depth = 12,
  mlp: arguments.Positive = 4,
  patch: arguments.Count = 16,
  classes: arguments.Count = 1000,
  drop_path: arguments.Decay = 0.0,
  epsilon: arguments.Positive = EPSILON,
) -> VisionTransformer:
  """Returns a DeiT without distillation token, by default the tiny one.

  Args:
    features: Channels of a token, a multiple of the 64 of a head.
    depth: Encoder layers.
    mlp: Hidden channels of the perceptrons = mlp * features.
    patch: Side of a patch; 16 as published, 4 for images of 32x32.
    classes: Logits.
    drop_path: Rate of stochastic depth in the last layer; the rates rise from
      0 evenly. Published trainings take .1.
    epsilon: Of the layer normalisations.

  Returns:
    The network; 5,717,416 parameters and 1,253,683,200 MACs for the tiny one at
    224x224.

  Raises:
    UserError: The features are no multiple of 64.

  Reference:
    Touvron et al., 2021, https://arxiv.org/abs/2012.12877
  """
  if features % _HEAD:
    raise errors.UserError(
      f'features are a multiple of {_HEAD}, the width of a head; got {features}'
    )
  norm = layers.Norm('layer', epsilon=epsilon)
  return VisionTransformer(
    tuple(
      layer(features // _HEAD, mlp, norm, float(rate))
      for rate in np.linspace(0, drop_path, depth)
    ),
    features=features,
    patch=patch,
    classes=classes,
    norm=norm,
  )


def layer(
  heads: int, mlp: float, norm: linen.Module, drop_path: arguments.Decay = 0.0
) -> encoder.EncoderLayer:
  """Returns an encoder layer, or a template of it with choices.

  Args:
    heads: Of 64 channels each.
    mlp: Hidden channels of the perceptron = mlp * C.
    norm: Template of the normalisations.
    drop_path: Rate of stochastic depth.
  """
  return encoder.EncoderLayer(
    multi_head.MultiHeadAttention(heads=heads, head_dim=_HEAD, bias=True),
    mlp,
    drop_path=drop_path,
    norm=norm,
  )


def networks() -> dict[str, network.Network]:
  """Returns the tiny, small and base networks, for patches of 16x16."""
  return {
    f'deit_{size}': network.Network(
      functools.partial(deit, width), (224, 224, 3), PAPER, torch=_TORCH
    )
    for size, width in _WIDTHS.items()
  }


def miniature() -> network.Network:
  """Returns two layers of one head on patches of 8x8."""
  return network.Network(
    functools.partial(deit, 64, 2, 1, 8, classes=10), (32, 32, 3), PAPER
  )
