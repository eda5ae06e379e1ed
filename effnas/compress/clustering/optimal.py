"""The clusters of least error of values on a line, by dynamic programming.

Reference:
  Wang and Song, "Ckmeans.1d.dp: Optimal k-means Clustering in One Dimension by
  Dynamic Programming", The R Journal 3, 2011
"""

import jax
import jax.numpy as jnp

GROUPS = 512


def centroids(
  ordered: jax.Array, count: jax.Array | int, k: int, groups: int = GROUPS
) -> jax.Array:
  """Returns the means of the best k clusters of groups of neighbours.

  With at most as many values as groups they are the best of all; otherwise
  borders of clusters stand between groups of equally many values.

  Args:
    ordered: float32 [N], ascending.
    count: How many of the values count, from the first on.
    k: Clusters.
    groups: The most groups; memory and time grow with their square.

  Returns:
    float32 [k], ascending; where fewer clusters do as well, the first value
    stands for those that are left.

  Example:
    >>> values = jnp.array([0., 1., 5., 6., 7., 20.])
    >>> centroids(values, 6, 3).tolist()
    [0.5, 6.0, 20.0]
  """
  size, mean, square = _grouped(ordered, count, min(groups, ordered.size))
  means, costs = _intervals(size, mean, square)  # [last group, first group]
  last = len(costs) - 1

  def more(best, _):
    before = jnp.concatenate([jnp.zeros(1), best[:-1]])
    sums = costs + before
    return sums.min(1), sums.argmin(1)

  _, firsts = jax.lax.scan(more, costs[:, 0], None, k - 1)
  firsts = jnp.concatenate([jnp.zeros((1, last + 1), firsts.dtype), firsts])

  def back(end, firsts):
    at = jnp.maximum(end, 0)
    first = firsts[at]
    found = jnp.where(end < 0, ordered[0], means[at, first])
    return jnp.where(end < 0, end, first - 1), found

  _, found = jax.lax.scan(back, jnp.array(last), firsts, reverse=True)
  return jnp.sort(found)


def _grouped(ordered, count, groups):
  """Size, mean and sum of squared distances from it of groups of neighbours."""
  places = jnp.arange(ordered.size)
  counts = places < count
  edges = jnp.floor(jnp.arange(groups) * (count / groups))
  group = jnp.searchsorted(edges, places, side='right') - 1
  sizes = jax.ops.segment_sum(counts.astype(jnp.float32), group, groups)
  values = jnp.where(counts, ordered, 0)
  sums = jax.ops.segment_sum(values, group, groups)
  means = sums / jnp.maximum(sizes, 1)
  apart = jnp.where(counts, values - means[group], 0)
  return sizes, means, jax.ops.segment_sum(apart**2, group, groups)


def _intervals(sizes, means, squares):
  """Mean and squares of all runs of groups, by their last and first group."""
  first = jnp.arange(len(sizes))

  def step(state, group):
    last, size, mean, square = group
    n, m, s = state
    size = jnp.where(first <= last, size, 0)
    square = jnp.where(first <= last, square, 0)
    together = n + size
    away = mean - m
    part = size / jnp.maximum(together, 1)
    state = together, m + away * part, s + square + away**2 * n * part
    cost = jnp.where(first <= last, state[2], jnp.inf)
    return state, (state[1], cost)

  zeros = jnp.zeros(len(sizes))
  steps = first, sizes, means, squares
  return jax.lax.scan(step, (zeros, zeros, zeros), steps)[1]
