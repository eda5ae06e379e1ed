"""All cells of NAS-Bench-201 as one network with gates.

One compiled program then scores any cell. With the gates of a cell and the same
weights it computes what the cell's own network computes; operations whose gate
is 0 get zeros and pass zeros (tests/search/proxies/test_gated.py).
"""

from collections.abc import Mapping
from typing import Any

from flax import linen
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from effnas.nn import cells, layers
from effnas.zoo import nasbench201

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
_CONVOLUTIONS = ('nor_conv_1x1', 'nor_conv_3x3')


def _pooled(x: jax.Array) -> jax.Array:
  """Pools as 'avg_pool_3x3' does; in sums of slices, which XLA folds fast."""
  for axis in (1, 2):
    side = x.shape[axis]
    pad = [(1, 1) if i == axis else (0, 0) for i in range(4)]
    wide = jnp.pad(x, pad)
    three = [lax.slice_in_dim(wide, i, i + side, axis=axis) for i in range(3)]
    count = np.full(side, 3, np.float32)
    count[[0, -1]] = 2
    shape = [side if i == axis else 1 for i in range(4)]
    x = (three[0] + three[1] + three[2]) / count.reshape(shape)
  return x


class _Cell(linen.Module):
  """Four nodes; every edge is all operations, each times its gate."""

  @linen.compact
  def __call__(
    self, x: jax.Array, gates: jax.Array, train: bool = False
  ) -> jax.Array:
    """Maps [N, H, W, C] to the same shape; `gates` is [6, 5]."""
    nodes: list[Any] = [x, 0.0, 0.0, 0.0]
    pooled: dict[int, jax.Array] = {}
    for (start, end), row in zip(EDGES, gates, strict=True):
      x = nodes[start]
      if start not in pooled:
        pooled[start] = _pooled(x)
      for name, gate in zip(nasbench201.OPERATIONS, row, strict=True):
        if name in _CONVOLUTIONS:
          operation = cells.operation(name).copy(
            name=f'edge_{start}_{end}_{name}'
          )
          nodes[end] = nodes[end] + operation(gate * x, train)
        elif name != 'none':
          y = x if name == 'skip_connect' else pooled[start]
          nodes[end] = nodes[end] + gate * y
    return nodes[3]


class Gated(linen.Module):
  """NAS-Bench-201's skeleton; its gates are the variable 'gates'.

  Attributes:
    channels: Of the first stage.
    depth: Cells in each stage.
    classes: Logits.
  """

  channels: int = 16
  depth: int = 5
  classes: int = 10

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps images [N, H, W, 3], sides divisible by 4, to [N, classes]."""
    gates = self.variable('gates', 'cell', jnp.ones, (6, 5)).value
    x = layers.ConvNorm(self.channels, kernel=3, name='stem')(x, train)
    for stage in range(3):
      if stage:
        x = nasbench201.Reduction(
          self.channels * 2**stage, name=f'reduction_{stage}'
        )(x, train)
      for i in range(self.depth):
        x = _Cell(name=f'cell_{stage}_{i}')(x, gates, train)
    x = jax.nn.relu(layers.Norm(name='norm')(x, train))
    return layers.Dense(self.classes, name='classifier')(x.mean((1, 2)))


def gates(arch: Mapping[str, str]) -> jax.Array:
  """Returns the gates of an arch, [6, 5].

  Args:
    arch: A point of `effnas.zoo.nasbench201.space()`.
  """
  chosen = [arch[f'model.edge_{a}_{b}'] for a, b in EDGES]
  return jnp.array(
    [[float(op == name) for op in nasbench201.OPERATIONS] for name in chosen]
  )


def units(net: Gated, arch: Mapping[str, str], side: int) -> int:
  """Returns how many ReLUs the network of an arch has of its own.

  Args:
    net: The skeleton.
    arch: The arch.
    side: Of the images.
  """
  convolutions = sum(name in _CONVOLUTIONS for name in arch.values())
  maps = [net.channels * 2**s * (side // 2**s) ** 2 for s in range(3)]
  cells_ = net.depth * convolutions * sum(maps)
  return cells_ + maps[0] + 2 * maps[1] + 2 * maps[2]


def own(variables: Mapping[str, Any], arch: Mapping[str, str]) -> dict:
  """Returns the variables of the arch's own network.

  Args:
    variables: Of the gated network.
    arch: The arch.
  """
  names = {f'edge_{a}_{b}': arch[f'model.edge_{a}_{b}'] for a, b in EDGES}

  def cell(tree):
    wanted = {edge: f'{edge}_{name}' for edge, name in names.items()}
    return {edge: tree[w] for edge, w in wanted.items() if w in tree}

  found = {
    kind: {
      name: cell(tree) if name.startswith('cell_') else tree
      for name, tree in collection.items()
    }
    for kind, collection in variables.items()
    if kind != 'gates'
  }
  return jax.tree.map(np.asarray, found)
