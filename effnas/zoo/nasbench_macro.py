"""The networks of NAS-Bench-Macro, and their space."""

from collections.abc import Mapping
import functools
from typing import Any

from flax import linen
import jax

from effnas import arguments, errors
from effnas import space as sp
from effnas.nn import skip, staged
from effnas.nn.blocks import mbconv
from effnas.zoo import network

PAPER = (
  'Su et al., 2021, Prioritized Architecture Sampling with Monto-Carlo Tree '
  'Search, https://arxiv.org/abs/2103.11922'
)
INPUT = network.Input((32, 32, 3))
# Layers of the three stages; each stage halves the map and doubles the
# channels.
_DEPTHS = (2, 3, 3)
_LABELS = ('identity', 'mb3_k3', 'mb6_k5')
_PUBLISHED = {
  'identity': '00000000',
  'mb3_k3': '11111111',
  'mb6_k5': '22222222',
  # 93.13 % on CIFAR-10, the most of all.
  'best': '22212220',
}


def nasbench_macro(
  key: str = '22212220',
  stem: arguments.Count = 32,
  head: arguments.Count = 1280,
  classes: arguments.Count = 10,
) -> staged.StagedNet:
  """Returns the network of a key of the benchmark.

  Args:
    key: Eight digits, one for each layer: 0 identity, 1 MBConv 3x3 with
      expansion 3, 2 MBConv 5x5 with expansion 6.
    stem: Channels of the first convolution; the stages have twice, four times
      and eight times as many.
    head: Channels before pooling.
    classes: Logits.

  Returns:
    The network; 1,985,514 parameters and 85,164,544 MACs at the default key,
    the most accurate one, and 32x32.

  Raises:
    UserError: The key is not eight digits 0, 1, 2.

  Reference:
    Su et al., 2021, https://arxiv.org/abs/2103.11922
  """
  _check(key)
  digits = iter(key)
  blocks = [
    [choices[int(next(digits))] for choices in stage] for stage in _stages(stem)
  ]
  return _net(blocks, stem, head, classes)


def _stages(stem: int) -> list[list[tuple[linen.Module, ...]]]:
  """The three choices of each layer, by stage."""
  stages, features = [], stem
  for depth in _DEPTHS:
    features *= 2
    stages.append(
      [_choices(features, 2 if i == 0 else 1) for i in range(depth)]
    )
  return stages


def _choices(features: int, stride: int) -> tuple[linen.Module, ...]:
  block = functools.partial(
    mbconv.MBConv, features=features, stride=stride, act=jax.nn.relu
  )
  return (
    skip.Skip(features, stride),
    block(kernel=3, expand=3),
    block(kernel=5, expand=6),
  )


def _net(
  blocks: list[list[Any]], stem: int, head: int, classes: int
) -> staged.StagedNet:
  return staged.StagedNet(
    stages=tuple(staged.Blocks(tuple(stage)) for stage in blocks),
    stem=stem,
    stem_stride=1,
    head=head,
    classes=classes,
    act=jax.nn.relu,
  )


def _check(key: str) -> None:
  if len(key) != sum(_DEPTHS) or set(key) - set('012'):
    raise errors.UserError(
      'a key of NAS-Bench-Macro has eight digits 0, 1 or 2, such as '
      f'22212220; got {key!r}'
    )


def networks() -> dict[str, network.Network]:
  """Returns the networks out of one block each, and the most accurate one."""
  return {
    f'nasbench_macro_{name}': network.Network(
      functools.partial(nasbench_macro, key), INPUT.shape, PAPER
    )
    for name, key in _PUBLISHED.items()
  }


def miniature() -> network.Network:
  """Returns a narrow network out of all blocks, for tests."""
  return network.Network(
    functools.partial(nasbench_macro, '01210020', stem=4, head=16),
    INPUT.shape,
    PAPER,
  )


def space(
  stem: arguments.Count = 32,
  head: arguments.Count = 1280,
  classes: arguments.Count = 10,
) -> sp.Space:
  """Returns the benchmark's space of 6,561 networks.

  Args:
    stem: Channels of the first convolution.
    head: Channels before pooling.
    classes: Logits.

  Returns:
    A space of which the published networks are points.
  """
  blocks = [
    [sp.oneof(*choices, labels=_LABELS) for choices in stage]
    for stage in _stages(stem)
  ]
  return sp.Space({'model': _net(blocks, stem, head, classes)})


_KEYS = tuple(
  f'model.stages.{stage}.blocks.{i}'
  for stage, depth in enumerate(_DEPTHS)
  for i in range(depth)
)


def arch(row: Mapping[str, str]) -> sp.Arch:
  """Returns the arch of a row of the published table.

  The table gives all keys that differ only in where a stage's identities
  stand, but in its first layer, the results of one training: they compute the
  same.

  Args:
    row: Has the column 'arch', the table's key.

  Returns:
    The point of `space()`.

  Raises:
    UserError: The key is not eight digits 0, 1, 2.

  Example:
    >>> arch({'arch': '22212220'})['model.stages.2.blocks.2']
    'identity'
  """
  _check(row['arch'])
  return {
    key: _LABELS[int(digit)]
    for key, digit in zip(_KEYS, row['arch'], strict=True)
  }


def row(arch: Mapping[str, Any]) -> dict[str, str]:
  """Returns the columns of the published table that say an arch.

  Args:
    arch: A point of `space()`.

  Returns:
    {'arch': key}, the inverse of `arch`.
  """
  return {'arch': ''.join(str(_LABELS.index(arch[key])) for key in _KEYS)}
