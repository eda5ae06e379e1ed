"""Networks out of searched cells as DARTS evaluates them, and their space."""

import functools
import itertools

from flax import linen
import jax
import jax.numpy as jnp

from effnas import arguments, errors
from effnas import space as sp
from effnas.nn import cells, layers, stochastic_depth
from effnas.zoo import darts_genotypes, network

PAPER = darts_genotypes.DARTS
INPUT = network.Input((32, 32, 3))
OPERATIONS = (
  'max_pool_3x3',
  'avg_pool_3x3',
  'skip_connect',
  'sep_conv_3x3',
  'sep_conv_5x5',
  'dil_conv_3x3',
  'dil_conv_5x5',
)


class Cell(linen.Module):
  """A cell of some channels.

  Attributes:
    genotype: What it computes.
    channels: Of each node.
    reduce: Whether it halves the map.
    drop_path: Rate of stochastic depth of each operation but identities.
  """

  genotype: darts_genotypes.Genotype
  channels: int
  reduce: bool = False
  drop_path: float = 0.0

  @linen.compact
  def __call__(
    self, before: jax.Array, x: jax.Array, train: bool = False
  ) -> jax.Array:
    """Maps two [N, H, W, C] to [N, H_, W_, channels * len(concat)].

    Args:
      before: Output of the cell before the last; its sides may still be twice
        those of x.
      x: Output of the last cell.
      train: Whether to train.

    Returns:
      The output of this cell.
    """
    alike = before.shape[1:3] == x.shape[1:3]
    fit = cells.ReluConv if alike else cells.FactorizedReduce
    states = [
      fit(self.channels, name='before')(before, train),
      cells.ReluConv(self.channels, name='last')(x, train),
    ]
    for i, node in enumerate(self.genotype.nodes):
      terms = []
      for side, operation, source in zip(
        'ab', node.operations, node.inputs, strict=True
      ):
        stride = 2 if self.reduce and source < 2 else 1
        y = cells.operation(operation).copy(
          stride=stride, name=f'node_{i}{side}'
        )(states[source], train)
        if operation != 'skip_connect' or stride > 1:
          y = stochastic_depth.StochasticDepth(self.drop_path)(y, train)
        terms.append(y)
      states.append(terms[0] + terms[1])
    return jnp.concatenate([states[i] for i in self.genotype.concat], -1)


class Darts(linen.Module):
  """Cells, of which those at one and two thirds halve the map.

  No auxiliary head, which only training had.

  Attributes:
    normal: What most cells compute.
    reduction: What the two that halve the map compute.
    channels: Of a node before the first reduction; each reduction doubles it.
    depth: Number of cells.
    classes: Logits.
    stem_stride: 1 as published for CIFAR, 8 as published for ImageNet.
    drop_path: Rate of stochastic depth in training.

  Reference:
    Liu et al., 2019, https://arxiv.org/abs/1806.09055
  """

  normal: darts_genotypes.Genotype
  reduction: darts_genotypes.Genotype
  channels: int = 36
  depth: int = 20
  classes: int = 10
  stem_stride: int = 1
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps images [N, H, W, 3] to logits [N, classes]."""
    before, x = self._stem(x, train)
    channels = self.channels
    for i in range(self.depth):
      reduce = i in (self.depth // 3, 2 * self.depth // 3)
      channels *= 2 if reduce else 1
      cell = Cell(
        self.reduction if reduce else self.normal,
        channels,
        reduce,
        self.drop_path,
        name=f'cell_{i}',
      )
      before, x = x, cell(before, x, train)
    return layers.Dense(self.classes, name='classifier')(x.mean((1, 2)))

  def _stem(self, x, train):
    """The two inputs of the first cell; for ImageNet at strides 4 and 8."""
    if self.stem_stride == 1:
      x = layers.ConvNorm(3 * self.channels, 3, name='stem')(x, train)
      return x, x
    if self.stem_stride != 8:
      raise errors.UserError(
        'the stem of these networks has stride 1 (CIFAR) or 8 (ImageNet); '
        f'got {self.stem_stride}'
      )
    halve = functools.partial(layers.ConvNorm, kernel=3, stride=2)
    x = halve(self.channels // 2, act=jax.nn.relu, name='stem_0a')(x, train)
    before = halve(self.channels, name='stem_0b')(x, train)
    x = halve(self.channels, name='stem_1')(jax.nn.relu(before), train)
    return before, x


def darts(
  genotype: str = 'darts_v2',
  channels: arguments.Count = 36,
  depth: arguments.Depth = 20,
  classes: arguments.Count = 10,
  stem_stride: arguments.Count = 1,
  drop_path: arguments.Decay = 0.0,
) -> Darts:
  """Returns a network out of published cells.

  Args:
    genotype: 'nasnet_a', 'amoebanet_a', 'darts_v1', 'darts_v2', 'pc_darts'
      (searched on CIFAR-10) or 'pc_darts_image' (searched on ImageNet).
    channels: Of a node before the first reduction: 36 as published for CIFAR,
      48 for ImageNet.
    depth: Cells: 20 as published for CIFAR, 14 for ImageNet.
    classes: Logits.
    stem_stride: 1 as published for CIFAR, 8 for ImageNet.
    drop_path: Rate of stochastic depth in training; published with up to 0.2.

  Returns:
    The network; 3,349,342 parameters and 528,359,040 MACs by default at
    32x32.

  Raises:
    UserError: There is no genotype of this name.

  Example:
    >>> darts('darts_v1').normal.nodes[3]
    Node(operations=('sep_conv_3x3', 'skip_connect'), inputs=(0, 2))
  """
  if genotype not in darts_genotypes.PUBLISHED:
    raise errors.unknown('genotype', genotype, darts_genotypes.PUBLISHED)
  normal, reduction, _ = darts_genotypes.PUBLISHED[genotype]
  return Darts(
    normal, reduction, channels, depth, classes, stem_stride, drop_path
  )


def networks() -> dict[str, network.Network]:
  """Returns all genotypes at the published sizes of CIFAR and of ImageNet."""
  found = {}
  for name, (_, _, paper) in darts_genotypes.PUBLISHED.items():
    found[f'{name}_cifar'] = network.Network(
      functools.partial(darts, name), INPUT.shape, paper
    )
    found[f'{name}_imagenet'] = network.Network(
      functools.partial(
        darts, name, channels=48, depth=14, classes=1000, stem_stride=8
      ),
      (224, 224, 3),
      paper,
    )
  return found


def miniature() -> network.Network:
  """Returns three cells with few channels and most operations, for tests."""
  _, normal, _ = darts_genotypes.PUBLISHED['amoebanet_a']
  _, reduction, _ = darts_genotypes.PUBLISHED['pc_darts_image']
  return network.Network(
    functools.partial(Darts, normal, reduction, channels=4, depth=3),
    (16, 16, 3),
    PAPER,
  )


def space(
  classes: arguments.Count = 10,
  channels: arguments.Count = 36,
  depth: arguments.Depth = 20,
  stem_stride: arguments.Count = 1,
) -> sp.Space:
  """Returns the space that DARTS searches.

  A cell has four nodes; each takes two different ones of what comes before
  it, and an operation for each of the two.

  Args:
    classes: Logits.
    channels: Of a node before the first reduction.
    depth: Cells.
    stem_stride: 1 for CIFAR, 8 for ImageNet.

  Returns:
    A space of 10^18 pairs of cells, of which those of DARTS and PC-DARTS are
    points; those of NASNet and AmoebaNet have a node and operations more.
  """
  return sp.Space(
    {
      'model': Darts(
        _choices(), _choices(), channels, depth, classes, stem_stride
      )
    }
  )


def _choices() -> darts_genotypes.Genotype:
  nodes = []
  for i in range(4):
    pairs = list(itertools.combinations(range(i + 2), 2))
    nodes.append(
      darts_genotypes.Node(
        (sp.oneof(*OPERATIONS), sp.oneof(*OPERATIONS)),
        sp.oneof(*pairs) if i else pairs[0],
      )
    )
  return darts_genotypes.Genotype(tuple(nodes))


def published_arch(genotype: str) -> sp.Arch:
  """Returns the point of `space()` that a published genotype is.

  Args:
    genotype: 'darts_v1', 'darts_v2', 'pc_darts' or 'pc_darts_image'.

  Returns:
    The arch.

  Raises:
    UserError: There is no such genotype in the space.

  Example:
    >>> published_arch('darts_v2')['model.normal.nodes.3.inputs']
    '(0, 2)'
  """
  inside = [
    n
    for n, (cell, *_) in darts_genotypes.PUBLISHED.items()
    if len(cell.nodes) == 4
  ]
  if genotype not in inside:
    raise errors.unknown('genotype of four nodes', genotype, inside)
  found: sp.Arch = {}
  for cell, of in zip(
    ('normal', 'reduction'),
    darts_genotypes.PUBLISHED[genotype][:2],
    strict=True,
  ):
    for i, node in enumerate(of.nodes):
      key = f'model.{cell}.nodes.{i}'
      for side, operation in enumerate(node.operations):
        found[f'{key}.operations.{side}'] = operation
      if i:
        found[f'{key}.inputs'] = str(node.inputs)
  return found
