"""The MnasNet space of Accel-NASBench."""

from collections.abc import Mapping, Sequence
import functools
from typing import Any

import jax

from effnas import arguments, errors
from effnas import space as sp
from effnas.nn import staged
from effnas.nn.blocks import mbconv
from effnas.zoo import network

PAPER = (
  'Ahmad et al., 2024, Accel-NASBench: Sustainable Benchmarking for '
  'Accelerator-Aware NAS, https://arxiv.org/abs/2404.08005'
)
INPUT = network.Input((224, 224, 3))
# Channels, stride and most layers of each block.
_BLOCKS = (
  (16, 1, 3),
  (24, 2, 3),
  (40, 2, 3),
  (80, 2, 3),
  (112, 1, 3),
  (192, 2, 4),
  (320, 1, 3),
)
_EXPANSIONS, _KERNELS = (1, 4, 6), (3, 5)
# A column of the table for each field of an arch.
_FIELDS = {'e': 'block.expand', 'k': 'block.kernel', 'l': 'depth'}
_SE = {'True': True, 'False': False}

# Expansion, kernel, layers, squeeze-and-excitation of each block.
Blocks = Sequence[tuple[int, int, int, bool]]
_SMALLEST = ((1, 3, 1, False),) * 7
_LARGEST = tuple((6, 5, most, True) for _, _, most in _BLOCKS)


def accel_nasbench(
  blocks: Blocks = _LARGEST,
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  width: arguments.Positive = 1.0,
  head: arguments.Count = 1280,
) -> staged.StagedNet:
  """Returns a network of the benchmark.

  Args:
    blocks: Expansion, kernel, layers, and whether to squeeze and excite, for
      each of the seven blocks.
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    width: Multiplies the channels but those of the head.
    head: Channels before pooling.

  Returns:
    The network; 8,593,116 parameters and 884,060,256 MACs at the default,
    the largest one of the space, and 224x224.

  Raises:
    UserError: There are not seven blocks.

  Reference:
    Ahmad et al., 2024, https://arxiv.org/abs/2404.08005
  """
  if len(blocks) != len(_BLOCKS):
    raise errors.UserError(
      f'Accel-NASBench has seven blocks (e, k, l, se); got {len(blocks)}'
    )
  stages = [
    _stage(i, width, depth, expand, kernel, se)
    for i, (expand, kernel, depth, se) in enumerate(blocks)
  ]
  return _net(stages, classes, stem_stride, width, head)


def _stage(
  i: int, width: float, depth: Any, expand: Any, kernel: Any, se: Any
) -> staged.Stage:
  features, stride, _ = _BLOCKS[i]
  # The gate squeezes to a quarter of what enters each layer, as is the default.
  block = mbconv.MBConv(kernel=kernel, expand=expand, se=se, act=jax.nn.relu)
  return staged.Stage(round(features * width), stride, depth, block)


def _net(
  stages: Sequence[staged.Stage],
  classes: int,
  stem_stride: int,
  width: float,
  head: int,
) -> staged.StagedNet:
  return staged.StagedNet(
    stages=tuple(stages),
    stem=round(32 * width),
    stem_stride=stem_stride,
    head=head,
    classes=classes,
    act=jax.nn.relu,
  )


def networks() -> dict[str, network.Network]:
  """Returns the smallest and the largest network of the space."""
  return {
    f'accel_nasbench_{name}': network.Network(
      functools.partial(accel_nasbench, blocks), INPUT.shape, PAPER
    )
    for name, blocks in (('smallest', _SMALLEST), ('largest', _LARGEST))
  }


def miniature() -> network.Network:
  """Returns a narrow network out of all kinds of blocks, for tests."""
  blocks = (
    (1, 3, 1, False),
    (4, 5, 2, True),
    (1, 5, 1, True),
    (4, 3, 1, False),
    *_SMALLEST[:3],
  )
  return network.Network(
    functools.partial(
      accel_nasbench, blocks, classes=10, stem_stride=1, width=0.25, head=16
    ),
    (32, 32, 3),
    PAPER,
  )


def space(
  classes: arguments.Count = 1000,
  stem_stride: arguments.Count = 2,
  width: arguments.Positive = 1.0,
  head: arguments.Count = 1280,
) -> sp.Space:
  """Returns the space: expansion, kernel, layers and gate of each block.

  Args:
    classes: Logits.
    stem_stride: 2 as published; 1 for images of 32x32.
    width: Multiplies the channels but those of the head.
    head: Channels before pooling.

  Returns:
    A space of 104,485,552,128 networks, all that the benchmark predicts.
  """
  stages = [
    _stage(
      i,
      width,
      sp.oneof(*range(1, most + 1)),
      sp.oneof(*_EXPANSIONS),
      sp.oneof(*_KERNELS),
      sp.oneof(False, True),
    )
    for i, (_, _, most) in enumerate(_BLOCKS)
  ]
  return sp.Space({'model': _net(stages, classes, stem_stride, width, head)})


def arch(row: Mapping[str, str]) -> sp.Arch:
  """Returns the arch of a row of the benchmark's table.

  Args:
    row: Has the columns block0_e, block0_k, block0_l, block0_se, ...,
      block6_se.

  Returns:
    The point of `space()`.

  Raises:
    UserError: A column is missing, or has a value that no network has.
  """
  found: sp.Arch = {}
  for i, (_, _, most) in enumerate(_BLOCKS):
    depths = range(1, most + 1)
    for column, options in (
      ('e', {str(e): e for e in _EXPANSIONS}),
      ('k', {str(k): k for k in _KERNELS}),
      ('l', {str(d): d for d in depths}),
      ('se', _SE),
    ):
      name = f'block{i}_{column}'
      value = row.get(name, '')
      if value not in options:
        raise errors.UserError(
          f'{name} of a row of Accel-NASBench is one of {", ".join(options)}; '
          f'got {value!r}'
        )
      found[_key(i, column)] = options[value]
  return found


def row(arch: Mapping[str, Any]) -> dict[str, str]:
  """Returns the columns of the benchmark's table that say an arch.

  Args:
    arch: A point of `space()`.

  Returns:
    Column -> value, the inverse of `arch`.
  """
  return {
    f'block{i}_{column}': str(arch[_key(i, column)])
    for i in range(len(_BLOCKS))
    for column in (*_FIELDS, 'se')
  }


def _key(i: int, column: str) -> str:
  return f'model.stages.{i}.{_FIELDS.get(column, "block.se")}'
