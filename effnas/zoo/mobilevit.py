"""MobileViT: MobileNetV2 with attention between patches in its later stages."""

from collections.abc import Sequence
import functools

import jax

from effnas import arguments
from effnas.nn import layers, staged
from effnas.nn.blocks import mbconv
from effnas.nn.blocks import mobilevit as block_lib
from effnas.zoo import network, pytorch

PAPER = (
  'Mehta and Rastegari, 2022, MobileViT: Light-weight, General-purpose, and '
  'Mobile-friendly Vision Transformer, https://arxiv.org/abs/2110.02178'
)
# Channels of the stages, of the encoders in the last three of them, of the
# head, and expansion (table 4 of the paper).
_SIZES = {
  'xxs': ((16, 24, 48, 64, 80), (64, 80, 96), 320, 2),
  'xs': ((32, 48, 64, 80, 96), (96, 120, 144), 384, 4),
  's': ((32, 64, 96, 128, 160), (144, 192, 240), 640, 4),
}
_KINDS = {'conv': 'conv', 'normalise': 'bn'}
_BLOCK = r'stages_(\d+)/block_(\d+)'
_PARTS = {
  'expand': 'conv1_1x1',
  'depthwise': 'conv2_kxk',
  'project': 'conv3_1x1',
}
_AROUND = {'local': 'conv_kxk', 'narrow': 'conv_proj', 'fuse': 'conv_fusion'}
_ENCODER = {
  'norm_attention': 'norm1',
  'attend/qkv': 'attn.qkv',
  'attend/out': 'attn.proj',
  'norm_mlp': 'norm2',
  'mlp_in': 'mlp.fc1',
  'mlp_out': 'mlp.fc2',
}
# timm has the block in front of attention as one of its own.
_TORCH = pytorch.by_rules(
  [
    ('classifier', 'head.fc'),
    (rf'{_BLOCK}/widen', r'stages.\1.1.conv_1x1'),
    (rf'{_BLOCK}/norm_encoded', r'stages.\1.1.norm'),
    *(
      (
        rf'{_BLOCK}/encode_(\d+)/{ours}',
        rf'stages.\1.1.transformer.\3.{theirs}',
      )
      for ours, theirs in _ENCODER.items()
    ),
    *(
      rule
      for kind, name in _KINDS.items()
      for rule in (
        (f'stem/{kind}', f'stem.{name}'),
        (f'head/{kind}', f'final_conv.{name}'),
        *(
          (rf'{_BLOCK}/{ours}/{kind}', rf'stages.\1.\2.{theirs}.{name}')
          for ours, theirs in _PARTS.items()
        ),
        *(
          (rf'{_BLOCK}/reduce/{ours}/{kind}', rf'stages.\1.0.{theirs}.{name}')
          for ours, theirs in _PARTS.items()
        ),
        *(
          (rf'{_BLOCK}/{ours}/{kind}', rf'stages.\1.1.{theirs}.{name}')
          for ours, theirs in _AROUND.items()
        ),
      )
    ),
  ]
)


def mobilevit(
  widths: arguments.Counts = (32, 64, 96, 128, 160),
  dims: Sequence[int] = (144, 192, 240),
  head: arguments.Count = 640,
  expand: arguments.Positive = 4,
  depths: arguments.Depths = (1, 3, 2, 4, 3),
  stem: arguments.Count = 16,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  dropout: arguments.Decay = 0.1,
  epsilon: arguments.Positive = 1e-5,
) -> staged.StagedNet:
  """Returns a MobileViT, by default the small one.

  Args:
    widths: Channels of each stage.
    dims: Channels of the encoders; as many last stages have them.
    head: Channels before pooling.
    expand: Hidden channels of convolutional blocks over those that enter.
    depths: Of each stage: blocks, or layers of its encoder.
    stem: Channels of the first convolution.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    dropout: Rate before the classifier.
    epsilon: Of the batch normalisations.

  Returns:
    The network; 5,578,632 parameters and 2,000,831,488 MACs for the small one
    at 256x256.

  Reference:
    Mehta and Rastegari, 2022, https://arxiv.org/abs/2110.02178
  """
  act, norm = jax.nn.silu, layers.Norm(epsilon=epsilon)
  convolution = mbconv.MBConv(expand=expand, norm=norm, act=act)
  plain = len(widths) - len(dims)
  stages = [
    staged.Stage(features, 2 if i else 1, depth, convolution)
    for i, (features, depth) in enumerate(
      zip(widths[:plain], depths[:plain], strict=True)
    )
  ]
  for features, dim, depth in zip(
    widths[plain:], dims, depths[plain:], strict=True
  ):
    block = block_lib.MobileViT(
      down=convolution, dim=dim, depth=depth, norm=norm
    )
    stages.append(staged.Stage(features, 2, 1, block))
  return staged.StagedNet(
    tuple(stages),
    stem=stem,
    stem_stride=stem_stride,
    head=head,
    classes=classes,
    dropout=dropout,
    act=act,
    norm=norm,
  )


def networks() -> dict[str, network.Network]:
  """Returns the sizes XXS, XS and S, for images of 256x256."""
  return {
    f'mobilevit_{size}': network.Network(
      functools.partial(mobilevit, *shape), (256, 256, 3), PAPER, torch=_TORCH
    )
    for size, shape in _SIZES.items()
  }


def miniature() -> network.Network:
  """Returns a stage of convolutions and one with an encoder layer."""
  return network.Network(
    functools.partial(
      mobilevit, (8, 12), (16,), 32, 2, (1, 1), 8, classes=10, dropout=0.0
    ),
    (16, 16, 3),
    PAPER,
  )
