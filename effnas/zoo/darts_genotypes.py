"""The cells that were published as genotypes: NASNet, AmoebaNet, DARTS."""

from collections.abc import Iterable
import dataclasses

DARTS = (
  'Liu et al., 2019, DARTS: Differentiable Architecture Search, '
  'https://arxiv.org/abs/1806.09055'
)
_NASNET = (
  'Zoph et al., 2018, Learning Transferable Architectures for Scalable Image '
  'Recognition, https://arxiv.org/abs/1707.07012; evaluated as in ' + DARTS
)
_AMOEBA = (
  'Real et al., 2019, Regularized Evolution for Image Classifier Architecture '
  'Search, https://arxiv.org/abs/1802.01548; evaluated as in ' + DARTS
)
_PC_DARTS = (
  'Xu et al., 2020, PC-DARTS: Partial Channel Connections for '
  'Memory-Efficient Architecture Search, https://arxiv.org/abs/1907.05737'
)


@dataclasses.dataclass(frozen=True)
class Node:
  """The sum of two operations on what comes before.

  Attributes:
    operations: Their names.
    inputs: What each reads: 0 and 1 are the cell's inputs (the output of the
      cell before the last, and of the last), 2 is the first node, and so on.
  """

  operations: tuple[str, str]
  inputs: tuple[int, int] = (0, 1)


@dataclasses.dataclass(frozen=True)
class Genotype:
  """What a cell computes.

  Attributes:
    nodes: The nodes, in order.
    concat: Which of them make the output; 2 is the first node.
  """

  nodes: tuple[Node, ...]
  concat: tuple[int, ...] = (2, 3, 4, 5)


def _genotype(text: str, concat: Iterable[int] = (2, 3, 4, 5)) -> Genotype:
  """Reads 'operation input operation input' of each node, a line for each.

  The input that comes first stands first, which makes no difference to a sum.
  """
  nodes = []
  for line in text.strip().splitlines():
    words = line.split()
    pairs = sorted(zip(map(int, words[1::2]), words[::2], strict=True))
    (first, one), (second, other) = pairs
    nodes.append(Node((one, other), (first, second)))
  return Genotype(tuple(nodes), tuple(concat))


# Normal and reduction cell, and the paper.
PUBLISHED = {
  'nasnet_a': (
    _genotype(
      """
      sep_conv_5x5 1 sep_conv_3x3 0
      sep_conv_5x5 0 sep_conv_3x3 0
      avg_pool_3x3 1 skip_connect 0
      avg_pool_3x3 0 avg_pool_3x3 0
      sep_conv_3x3 1 skip_connect 1
      """,
      (2, 3, 4, 5, 6),
    ),
    _genotype(
      """
      sep_conv_5x5 1 sep_conv_7x7 0
      max_pool_3x3 1 sep_conv_7x7 0
      avg_pool_3x3 1 sep_conv_5x5 0
      skip_connect 3 avg_pool_3x3 2
      sep_conv_3x3 2 max_pool_3x3 1
      """,
      (4, 5, 6),
    ),
    _NASNET,
  ),
  'amoebanet_a': (
    _genotype(
      """
      avg_pool_3x3 0 max_pool_3x3 1
      sep_conv_3x3 0 sep_conv_5x5 2
      sep_conv_3x3 0 avg_pool_3x3 3
      sep_conv_3x3 1 skip_connect 1
      skip_connect 0 avg_pool_3x3 1
      """,
      (4, 5, 6),
    ),
    _genotype(
      """
      avg_pool_3x3 0 sep_conv_3x3 1
      max_pool_3x3 0 sep_conv_7x7 2
      sep_conv_7x7 0 avg_pool_3x3 1
      max_pool_3x3 0 max_pool_3x3 1
      conv_7x1_1x7 0 sep_conv_3x3 5
      """,
      (3, 4, 6),
    ),
    _AMOEBA,
  ),
  'darts_v1': (
    _genotype(
      """
      sep_conv_3x3 1 sep_conv_3x3 0
      skip_connect 0 sep_conv_3x3 1
      skip_connect 0 sep_conv_3x3 1
      sep_conv_3x3 0 skip_connect 2
      """
    ),
    _genotype(
      """
      max_pool_3x3 0 max_pool_3x3 1
      skip_connect 2 max_pool_3x3 0
      max_pool_3x3 0 skip_connect 2
      skip_connect 2 avg_pool_3x3 0
      """
    ),
    DARTS,
  ),
  'darts_v2': (
    _genotype(
      """
      sep_conv_3x3 0 sep_conv_3x3 1
      sep_conv_3x3 0 sep_conv_3x3 1
      sep_conv_3x3 1 skip_connect 0
      skip_connect 0 dil_conv_3x3 2
      """
    ),
    _genotype(
      """
      max_pool_3x3 0 max_pool_3x3 1
      skip_connect 2 max_pool_3x3 1
      max_pool_3x3 0 skip_connect 2
      skip_connect 2 max_pool_3x3 1
      """
    ),
    DARTS,
  ),
  # Searched on CIFAR-10.
  'pc_darts': (
    _genotype(
      """
      sep_conv_3x3 1 skip_connect 0
      sep_conv_3x3 0 dil_conv_3x3 1
      sep_conv_5x5 0 sep_conv_3x3 1
      avg_pool_3x3 0 dil_conv_3x3 1
      """
    ),
    _genotype(
      """
      sep_conv_5x5 1 max_pool_3x3 0
      sep_conv_5x5 1 sep_conv_5x5 2
      sep_conv_3x3 0 sep_conv_3x3 3
      sep_conv_3x3 1 sep_conv_3x3 2
      """
    ),
    _PC_DARTS,
  ),
  # Searched on ImageNet.
  'pc_darts_image': (
    _genotype(
      """
      skip_connect 1 sep_conv_3x3 0
      sep_conv_3x3 0 skip_connect 1
      sep_conv_3x3 1 sep_conv_3x3 3
      sep_conv_3x3 1 dil_conv_5x5 4
      """
    ),
    _genotype(
      """
      sep_conv_3x3 0 skip_connect 1
      dil_conv_5x5 2 max_pool_3x3 1
      sep_conv_3x3 2 sep_conv_3x3 1
      sep_conv_5x5 0 sep_conv_3x3 3
      """
    ),
    _PC_DARTS,
  ),
}
