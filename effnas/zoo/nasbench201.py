"""The networks of NAS-Bench-201, and their space."""

from collections.abc import Mapping
import functools
import re
from typing import Any

from flax import linen
import jax

from effnas import arguments, errors
from effnas import space as sp
from effnas.nn import cells, layers
from effnas.zoo import network

PAPER = (
  'Dong and Yang, 2020, NAS-Bench-201: Extending the Scope of Reproducible '
  'Neural Architecture Search, https://arxiv.org/abs/2001.00326'
)
INPUT = network.Input((32, 32, 3))
OPERATIONS = (
  'none',
  'skip_connect',
  'nor_conv_1x1',
  'nor_conv_3x3',
  'avg_pool_3x3',
)
# From where to where, in the order of the published strings.
_EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
_FIELDS = tuple(f'edge_{start}_{end}' for start, end in _EDGES)
_FORM = '|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|'
_PARSE = re.compile(re.escape(_FORM).replace(r'\{\}', '([a-z0-9_]+)'))
# The most accurate on CIFAR-10: 91.61 % of the validation images and 94.37 %
# of the test images, where one other cell equals it.
BEST = _FORM.format(
  'nor_conv_3x3',
  'nor_conv_3x3',
  'nor_conv_3x3',
  'skip_connect',
  'nor_conv_3x3',
  'nor_conv_1x1',
)
_PUBLISHED = {
  'conv3x3': _FORM.format(*['nor_conv_3x3'] * 6),
  'conv1x1': _FORM.format(*['nor_conv_1x1'] * 6),
  'skip': _FORM.format(*['skip_connect'] * 6),
  # What a residual block is in this space.
  'resnet': _FORM.format(
    'nor_conv_3x3',
    'none',
    'nor_conv_3x3',
    'skip_connect',
    'none',
    'skip_connect',
  ),
  'best': BEST,
}


class Cell(linen.Module):
  """Four nodes, each the sum of what comes over edges from all before it.

  Attributes:
    edges: Operations of 0-1, 0-2, 1-2, 0-3, 1-3, 2-3, by name.
  """

  edges: tuple[str, ...]

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to the same shape."""
    nodes: list[Any] = [x, None, None, None]
    for (start, end), field, name in zip(
      _EDGES, _FIELDS, self.edges, strict=True
    ):
      y = cells.operation(name).copy(name=field)(nodes[start], train)
      nodes[end] = y if nodes[end] is None else nodes[end] + y
    return nodes[3]


class Reduction(linen.Module):
  """The residual block between stages: half the side, twice the channels.

  Attributes:
    features: Output channels F.

  Cost:
    MACs = H_ * W_ * F * (10 * C + 9 * F)
  """

  features: int

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H / 2, W / 2, F]."""
    conv = functools.partial(cells.ReluConv, self.features, kernel=3)
    y = conv(stride=2, name='conv_a')(x, train)
    y = conv(name='conv_b')(y, train)
    x = linen.avg_pool(x, (2, 2), (2, 2))
    return y + layers.Conv(
      self.features, (1, 1), use_bias=False, name='downsample'
    )(x)


class NasBench201(linen.Module):
  """Three stages of one repeated cell, with a reduction between them.

  Attributes:
    edge_0_1: Operation from node 0 to node 1 of the cell, by name; so on.
    edge_0_2: See above.
    edge_1_2: See above.
    edge_0_3: See above.
    edge_1_3: See above.
    edge_2_3: See above.
    channels: Of the first stage.
    depth: Cells in each stage.
    classes: Logits.

  Reference:
    Dong and Yang, 2020, https://arxiv.org/abs/2001.00326
  """

  edge_0_1: str = 'nor_conv_3x3'
  edge_0_2: str = 'nor_conv_3x3'
  edge_1_2: str = 'nor_conv_3x3'
  edge_0_3: str = 'skip_connect'
  edge_1_3: str = 'nor_conv_3x3'
  edge_2_3: str = 'nor_conv_1x1'
  channels: int = 16
  depth: int = 5
  classes: int = 10

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps images [N, H, W, 3], sides divisible by 4, to [N, classes]."""
    edges = tuple(getattr(self, field) for field in _FIELDS)
    x = layers.ConvNorm(self.channels, kernel=3, name='stem')(x, train)
    for stage in range(3):
      if stage:
        x = Reduction(self.channels * 2**stage, name=f'reduction_{stage}')(
          x, train
        )
      for i in range(self.depth):
        x = Cell(edges, name=f'cell_{stage}_{i}')(x, train)
    x = jax.nn.relu(layers.Norm(name='norm')(x, train))
    return layers.Dense(self.classes, name='classifier')(x.mean((1, 2)))


def nasbench201(
  arch_str: str = BEST,
  channels: arguments.Count = 16,
  depth: arguments.Depth = 5,
  classes: arguments.Count = 10,
) -> NasBench201:
  """Returns the network of a cell in the benchmark's notation.

  Args:
    arch_str: Operations and nodes from which they come, node after node.
    channels: Of the first stage.
    depth: Cells in each stage.
    classes: Logits.

  Returns:
    The network; 1,531,546 parameters and 220,119,680 MACs where all edges are
    'nor_conv_3x3', at 32x32.

  Raises:
    UserError: The string has another form, or an operation is unknown.

  Example:
    >>> nasbench201(BEST).edge_0_3
    'skip_connect'
  """
  edges: dict[str, Any] = dict(zip(_FIELDS, _operations(arch_str), strict=True))
  return NasBench201(**edges, channels=channels, depth=depth, classes=classes)


def _operations(arch_str: str) -> tuple[str, ...]:
  match = _PARSE.fullmatch(arch_str)
  if match is None:
    raise errors.UserError(
      f'a cell of NAS-Bench-201 has the form {_FORM.format(*["OP"] * 6)}; '
      f'got {arch_str!r}'
    )
  for name in match.groups():
    if name not in OPERATIONS:
      raise errors.unknown('operation', name, OPERATIONS)
  return match.groups()


def networks() -> dict[str, network.Network]:
  """Returns the networks out of one operation, and the most accurate one."""
  return {
    f'nasbench201_{name}': network.Network(
      functools.partial(nasbench201, arch_str), INPUT.shape, PAPER
    )
    for name, arch_str in _PUBLISHED.items()
  }


def miniature() -> network.Network:
  """Returns a narrow network out of all operations, for tests."""
  arch_str = _FORM.format(
    'nor_conv_3x3',
    'skip_connect',
    'nor_conv_1x1',
    'avg_pool_3x3',
    'none',
    'nor_conv_3x3',
  )
  return network.Network(
    functools.partial(nasbench201, arch_str, channels=4, depth=1),
    (16, 16, 3),
    PAPER,
  )


def space(
  channels: arguments.Count = 16,
  depth: arguments.Depth = 5,
  classes: arguments.Count = 10,
) -> sp.Space:
  """Returns the benchmark's space of 15,625 cells.

  Args:
    channels: Of the first stage.
    depth: Cells in each stage.
    classes: Logits.

  Returns:
    A space of which the published networks are points.

  Example:
    >>> space().size
    15625
  """
  edges: dict[str, Any] = {field: sp.oneof(*OPERATIONS) for field in _FIELDS}
  model = NasBench201(**edges, channels=channels, depth=depth, classes=classes)
  return sp.Space({'model': model})


def arch(row: Mapping[str, str]) -> sp.Arch:
  """Returns the arch of a row of the published table.

  Args:
    row: Has the column 'arch_str'.

  Returns:
    The point of `space()`.

  Raises:
    UserError: The string has another form, or an operation is unknown.

  Example:
    >>> arch({'arch_str': BEST})['model.edge_2_3']
    'nor_conv_1x1'
  """
  operations = _operations(row['arch_str'])
  return {
    f'model.{field}': operation
    for field, operation in zip(_FIELDS, operations, strict=True)
  }


def row(arch: Mapping[str, Any]) -> dict[str, str]:
  """Returns the columns of the published table that say an arch.

  Args:
    arch: A point of `space()`.

  Returns:
    {'arch_str': ...}, the inverse of `arch`.
  """
  operations = (arch[f'model.{field}'] for field in _FIELDS)
  return {'arch_str': _FORM.format(*operations)}
