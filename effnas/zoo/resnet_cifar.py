"""ResNet for images of 32x32, 20 to 110 layers deep."""

import functools

import jax

from effnas import arguments, errors
from effnas.nn import layers, staged
from effnas.nn.blocks import residual
from effnas.zoo import network, resnet

PAPER = (
  'He et al., 2016, Deep Residual Learning for Image Recognition, '
  'https://arxiv.org/abs/1512.03385 (section 4.2)'
)
_DEPTHS = (20, 32, 44, 56, 110)


def resnet_cifar(
  depth: arguments.Depth = 20,
  widths: arguments.Counts = (16, 32, 64),
  classes: arguments.Count = 10,
  stem_stride: arguments.Count = 1,
  epsilon: arguments.Positive = 1e-5,
) -> staged.StagedNet:
  """Returns the ResNet for CIFAR with 6 n + 2 layers.

  Where a stage changes the channels its shortcut is a 1x1 convolution, as
  studies of distillation have it; the paper pads with zeros.

  Args:
    depth: Weight layers, 6 n + 2.
    widths: Channels of each stage; the first are the stem's too.
    classes: Logits.
    stem_stride: 1 as published.
    epsilon: Of the batch normalisations.

  Returns:
    The network; 272,474 parameters and 40,813,184 MACs at 20 layers.

  Raises:
    UserError: The layers are not 6 n + 2.

  Reference:
    He et al., 2016, https://arxiv.org/abs/1512.03385; shortcuts as in Tian et
    al., 2020, Contrastive Representation Distillation,
    https://arxiv.org/abs/1910.10699 (its published code)
  """
  blocks, left = divmod(depth - 2, 6)
  if left or blocks < 1:
    raise errors.UserError(
      f'a ResNet for CIFAR has 6 n + 2 layers; got {depth}, take '
      f'{6 * max(1, blocks) + 2}'
    )
  norm = layers.Norm(epsilon=epsilon)
  return staged.StagedNet(
    stem=widths[0],
    stem_stride=stem_stride,
    stages=tuple(
      staged.Stage(width, 2 if i else 1, blocks, residual.Basic(norm=norm))
      for i, width in enumerate(widths)
    ),
    head=0,
    classes=classes,
    act=jax.nn.relu,
    norm=norm,
  )


def networks() -> dict[str, network.Network]:
  """Returns the published depths, with ten classes."""
  return {
    f'resnet_cifar_{depth}': network.Network(
      functools.partial(resnet_cifar, depth),
      (32, 32, 3),
      PAPER,
      torch=resnet.TORCH,
    )
    for depth in _DEPTHS
  }


def miniature() -> network.Network:
  """Returns eight narrow layers."""
  return network.Network(
    functools.partial(resnet_cifar, 8, (8, 12, 16)), (16, 16, 3), PAPER
  )
