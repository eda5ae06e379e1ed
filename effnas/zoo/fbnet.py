"""FBNet-A, B and C, and the space in which they were found."""

from collections.abc import Callable, Collection
import functools
from typing import Any

from flax import linen
import jax

from effnas import arguments, errors
from effnas import space as sp
from effnas.nn import channels, layers, skip, staged
from effnas.nn.blocks import fbnet as blocks
from effnas.zoo import network, pytorch

PAPER = (
  'Wu et al., 2019, FBNet: Hardware-Aware Efficient ConvNet Design via '
  'Differentiable Neural Architecture Search, https://arxiv.org/abs/1812.03443'
)
INPUT = network.Input((224, 224, 3))
# Channels, layers and stride of each stage (table 1 of the paper).
_STAGES = (
  (16, 1, 1),
  (24, 4, 2),
  (32, 4, 2),
  (64, 4, 2),
  (112, 4, 1),
  (184, 4, 2),
  (352, 1, 1),
)
# The choices of each layer (table 2): kernel, expansion, groups; None skips.
_CHOICES: dict[str, tuple[int, int, int] | None] = {
  'k3_e1': (3, 1, 1),
  'k3_e1_g2': (3, 1, 2),
  'k3_e3': (3, 3, 1),
  'k3_e6': (3, 6, 1),
  'k5_e1': (5, 1, 1),
  'k5_e1_g2': (5, 1, 2),
  'k5_e3': (5, 3, 1),
  'k5_e6': (5, 6, 1),
  'skip': None,
}
# The choices taken, a line for each stage, and the channels of the head.
_FOUND = {
  'a': (
    """
    skip
    k3_e3 k3_e1 skip skip
    k5_e6 k3_e3 k5_e1 k3_e3
    k5_e6 k5_e3 k5_e1_g2 k5_e6
    k3_e6 k5_e1_g2 k5_e3 k3_e1_g2
    k5_e6 k5_e6 k5_e3 k5_e6
    k5_e6
    """,
    1504,
  ),
  'b': (
    """
    k3_e1
    k3_e6 k5_e1 k3_e1 k3_e1
    k5_e6 k5_e3 k3_e6 k5_e6
    k5_e6 k5_e6 skip k5_e3
    k5_e6 k3_e1 k5_e1 k5_e3
    k5_e6 k5_e1 k5_e6 k5_e6
    k3_e6
    """,
    1984,
  ),
  'c': (
    """
    k3_e1
    k3_e6 skip k3_e1 k3_e1
    k5_e6 k5_e3 k5_e6 k3_e6
    k5_e6 k5_e3 k5_e6 k5_e6
    k5_e6 k5_e6 k5_e6 k5_e3
    k5_e6 k5_e6 k5_e6 k5_e6
    k3_e6
    """,
    1984,
  ),
}
_DEPTHS = tuple(depth for _, depth, _ in _STAGES)
_FBNET_C = tuple(_FOUND['c'][0].split())


def fbnet(
  choices: tuple[str, ...] = _FBNET_C,
  head: arguments.Count = 1984,
  always_expand: bool = False,
  width: arguments.Positive = 1.0,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  dropout: arguments.Decay = 0.0,
  epsilon: arguments.Positive = 1e-5,
) -> staged.StagedNet:
  """Returns the network that takes a choice in each layer.

  Args:
    choices: The block of each of the 22 layers, such as 'k3_e6', 'k5_e1_g2'
      (kernel, expansion, groups) and 'skip'.
    head: Channels before pooling.
    always_expand: Whether blocks with expansion 1 have their first 1x1
      convolution: so the paper draws them and timm has them; the authors'
      trained networks are without.
    width: Multiplies all channels (those of the head where above 1).
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    dropout: Rate before the classifier.
    epsilon: Of the batch normalisations.

  Returns:
    The network; FBNet-C at the default, 5,570,664 parameters and 378,136,224
    MACs at 224x224, or 5,572,200 and 384,960,160 with `always_expand`.

  Raises:
    UserError: There are not 22 choices, or one is not of the space.

  Reference:
    Wu et al., 2019, https://arxiv.org/abs/1812.03443
  """
  if len(choices) != sum(_DEPTHS):
    raise errors.UserError(f'FBNet has 22 layers; got {len(choices)} choices')
  for choice in choices:
    if choice not in _CHOICES:
      raise errors.unknown('choice of FBNet', choice, _CHOICES)
  left = iter(choices)
  norm = layers.Norm(epsilon=epsilon)
  return _net(
    lambda options: options[next(left)],
    always_expand,
    width,
    norm,
    head=channels.divisible(head * max(1.0, width)),
    classes=classes,
    stem_stride=stem_stride,
    dropout=dropout,
  )


def _net(
  take: Callable[[dict[str, linen.Module]], Any],
  always_expand: bool,
  width: float,
  norm: linen.Module,
  **fields: Any,
) -> staged.StagedNet:
  """Puts what `take` makes of a layer's choices into each layer."""
  stages = []
  for features, depth, stride in _STAGES:
    options = functools.partial(
      _options, channels.divisible(features * width), always_expand, norm
    )
    taken = [take(options(stride if i == 0 else 1)) for i in range(depth)]
    stages.append(staged.Blocks(tuple(taken)))
  return staged.StagedNet(
    stages=tuple(stages),
    stem=channels.divisible(16 * width),
    act=jax.nn.relu,
    norm=norm,
    **fields,
  )


def _options(
  features: int, always_expand: bool, norm: linen.Module, stride: int
) -> dict[str, linen.Module]:
  options: dict[str, linen.Module] = {}
  for name, choice in _CHOICES.items():
    if choice is None:
      options[name] = skip.Skip(features, stride, norm, jax.nn.relu)
      continue
    kernel, expand, groups = choice
    options[name] = blocks.FBNetBlock(
      features, stride, kernel, expand, groups, always_expand, norm
    )
  return options


def _timm(path: str, paths: Collection[str]) -> str | None:
  """Names weights as timm does, which does not count layers left out."""
  name = pytorch.mobile(path, paths)
  if name and name.startswith('blocks.1.') and name[9] != '0':
    name = f'blocks.1.{int(name[9]) - 1}{name[10:]}'
  return name


def networks() -> dict[str, network.Network]:
  """Returns the authors' three trained networks, and timm's FBNet-C."""
  found = {
    f'fbnet_{name}': network.Network(
      functools.partial(fbnet, tuple(choices.split()), head), INPUT.shape, PAPER
    )
    for name, (choices, head) in _FOUND.items()
  }
  found['fbnetc_100'] = network.Network(
    functools.partial(fbnet, always_expand=True),
    INPUT.shape,
    PAPER,
    torch=_timm,
  )
  return found


def miniature() -> network.Network:
  """Returns a narrow network out of all choices, for tests."""
  choices = (*_CHOICES, *['skip'] * (sum(_DEPTHS) - len(_CHOICES)))
  return network.Network(
    functools.partial(
      fbnet, choices, 32, width=0.25, classes=10, stem_stride=1
    ),
    (32, 32, 3),
    PAPER,
  )


def space(
  head: arguments.Count = 1984,
  always_expand: bool = True,
  width: arguments.Positive = 1.0,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  epsilon: arguments.Positive = 1e-5,
) -> sp.Space:
  """Returns the paper's space: one of nine blocks in each of 22 layers.

  Args:
    head: Channels before pooling; FBNet-A has 1504.
    always_expand: Whether blocks with expansion 1 have their first 1x1
      convolution.
    width: Multiplies all channels (those of the head where above 1).
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    epsilon: Of the batch normalisations.

  Returns:
    A space of 9**22 networks. The published ones are points of it, with their
    `head` and `always_expand`.
  """
  net = _net(
    lambda options: sp.oneof(*options.values(), labels=tuple(options)),
    always_expand,
    width,
    layers.Norm(epsilon=epsilon),
    head=channels.divisible(head * max(1.0, width)),
    classes=classes,
    stem_stride=stem_stride,
  )
  return sp.Space({'model': net})
