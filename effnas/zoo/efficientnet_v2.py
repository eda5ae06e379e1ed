"""EfficientNetV2-S and M."""

from collections.abc import Sequence
import functools

from flax import linen
import jax

from effnas import arguments
from effnas.nn import layers, squeeze_excite, staged
from effnas.nn.blocks import fused_mbconv, mbconv
from effnas.zoo import network, pytorch

PAPER = (
  'Tan and Le, 2021, EfficientNetV2: Smaller Models and Faster Training, '
  'https://arxiv.org/abs/2104.00298'
)
# Whether fused, expansion, channels, blocks, stride. Squeeze-and-excitation is
# where it is not fused.
Row = tuple[bool, int, int, int, int]
# Table 4 of the paper; M from the published code.
S: tuple[Row, ...] = (
  (True, 1, 24, 2, 1),
  (True, 4, 48, 4, 2),
  (True, 4, 64, 4, 2),
  (False, 4, 128, 6, 2),
  (False, 6, 160, 9, 1),
  (False, 6, 256, 15, 2),
)
M: tuple[Row, ...] = (
  (True, 1, 24, 3, 1),
  (True, 4, 48, 5, 2),
  (True, 4, 80, 5, 2),
  (False, 4, 160, 7, 2),
  (False, 6, 176, 14, 1),
  (False, 6, 304, 18, 2),
  (False, 6, 512, 5, 1),
)


def efficientnet_v2(
  rows: Sequence[Row] = S,
  stem: arguments.Count = 24,
  head: arguments.Count = 1280,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  dropout: arguments.Decay = 0.2,
  epsilon: arguments.Positive = 1e-5,
) -> staged.StagedNet:
  """Returns an EfficientNetV2, by default S.

  Args:
    rows: Whether the blocks are fused, expansion, channels, blocks and stride
      of each stage: `S` or `M`.
    stem: Channels of the first convolution.
    head: Channels of the last convolution.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    dropout: Rate before the classifier.
    epsilon: Of the batch normalisations; 1e-3 in the published code.

  Returns:
    The network; 21,458,488 parameters and 8,365,617,152 MACs for S at 384x384,
    which is the size for evaluation; it was trained at up to 300x300.

  Reference:
    Tan and Le, 2021, https://arxiv.org/abs/2104.00298
  """
  norm = layers.Norm(epsilon=epsilon)
  block: dict[bool, linen.Module] = {
    True: fused_mbconv.FusedMBConv(norm=norm),
    False: mbconv.MBConv(
      se=True,
      squeeze=squeeze_excite.SqueezeExcite(
        act=jax.nn.silu, gate=jax.nn.sigmoid
      ),
      norm=norm,
      act=jax.nn.silu,
    ),
  }
  return staged.StagedNet(
    stem=stem,
    stem_stride=stem_stride,
    stages=tuple(
      staged.Stage(features, stride, depth, block[fused].copy(expand=expand))
      for fused, expand, features, depth, stride in rows
    ),
    head=head,
    classes=classes,
    dropout=dropout,
    act=jax.nn.silu,
    norm=norm,
  )


def networks() -> dict[str, network.Network]:
  """Returns S and M at their sizes for evaluation."""
  return {
    name: network.Network(
      functools.partial(efficientnet_v2, rows, dropout=dropout),
      (side, side, 3),
      PAPER,
      torch=pytorch.mobile,
    )
    for name, rows, side, dropout in (
      ('efficientnet_v2_s', S, 384, 0.2),
      ('efficientnet_v2_m', M, 480, 0.3),
    )
  }


def miniature() -> network.Network:
  """Returns three narrow stages, for tests."""
  rows = ((True, 1, 8, 1, 1), (True, 4, 16, 1, 2), (False, 4, 16, 2, 2))
  return network.Network(
    functools.partial(efficientnet_v2, rows, 8, 32, classes=10),
    (32, 32, 3),
    PAPER,
  )
