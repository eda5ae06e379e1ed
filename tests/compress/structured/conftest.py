"""Random variables that leave no unit and no statistic at its default."""

import jax
import numpy as np
import pytest

from effnas.nn import rewrite


@pytest.fixture
def draw():
  """Draws a network's variables and two inputs."""

  def drawn(net, input_shape, dtype='float32', seed=0):
    rng = np.random.default_rng(seed)
    shape = (2, *input_shape)
    if dtype == 'int32':
      x = rng.integers(0, 10, shape, dtype=np.int32)
    else:
      x = rng.normal(size=shape).astype(np.float32)

    def leaf(path, like):
      values = rng.normal(size=like.shape).astype(np.float32)
      if path[-1].key == 'kernel':
        return values / np.float32(np.sqrt(np.prod(like.shape[:-1])))
      if path[-1].key == 'var':
        return np.exp(values / 10)
      return values / 10 + np.float32(path[-1].key == 'scale')

    like = rewrite.abstract_variables(net, input_shape, dtype)
    return jax.tree_util.tree_map_with_path(leaf, like), x

  return drawn


@pytest.fixture
def halve():
  """Keeps a random half of each group, at least one unit."""

  def kept(groups, seed=0):
    rng = np.random.default_rng(seed)
    return {
      group.name: rng.permutation(group.size) < max(1, group.size // 2)
      for group in groups
    }

  return kept
