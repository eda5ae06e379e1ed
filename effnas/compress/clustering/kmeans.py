"""k-means clustering of the weights of one tensor, in one dimension.

Reference:
  Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information
  Theory 28, 1982; Han et al., 2016, Deep Compression,
  https://arxiv.org/abs/1510.00149 (clusters that share a weight, their starts)
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from effnas import errors
from effnas.compress.clustering import optimal

STARTS = ('linear', 'density', 'random', 'best')
_MOST = 256  # what an index of eight bits tells apart


class Clusters(NamedTuple):
  """A tensor as members of clusters.

  Attributes:
    indices: uint8, in the tensor's shape.
    centroids: float32 [k], ascending as k-means leaves them.
  """

  indices: jax.Array
  centroids: jax.Array


def cluster(
  values: jax.Array,
  k: int,
  *,
  mask: jax.Array | None = None,
  start: str = 'best',
  iterations: int = 100,
  seed: int = 0,
) -> Clusters:
  """Finds k centroids, each the mean of the values that are nearest to it.

  Where the tensor has at most k distinct values they are the centroids, and
  the error is zero. Can be traced; `k` and `start` are static.

  Args:
    values: Floating point, any shape.
    k: Centroids, 2 to 256.
    mask: Bool, in the shape of the values; only values where it holds draw
      centroids. All by default.
    start: First centroids: 'linear' (equally spaced from the smallest to the
      largest value), 'density' (equally many values about each), 'random'
      (values drawn by the seed), 'best' (`optimal.centroids`, the least error
      that there is for up to 512 values and about the least for more).
    iterations: At most so many steps; it stops where nothing moves.
    seed: Of 'random'.

  Returns:
    The clusters; values outside of the mask have an index too, which says
    nothing. A cluster that lost all members stays where it was.

  Raises:
    UserError: A k or start that is not known.

  Example:
    >>> found = cluster(jnp.array([[0., 1.], [10., 11.]]), 2)
    >>> found.indices.tolist(), found.centroids.tolist()
    ([[0, 0], [1, 1]], [0.5, 10.5])
  """
  check(k, start)
  if mask is None:
    mask = jnp.ones(values.shape, bool)
  key = jax.random.key(seed)
  return _lloyd(values, mask, key, k, start, iterations)


def check(k: int, start: str = 'best') -> None:
  """Refuses settings that `cluster` cannot take.

  Args:
    k: Centroids.
    start: Name of the first centroids.

  Raises:
    UserError: They are none.

  Example:
    >>> check(1)
    Traceback (most recent call last):
    effnas.errors.UserError: clusters are 2 to 256; got 1
  """
  if isinstance(k, bool) or not isinstance(k, int) or not 2 <= k <= _MOST:
    raise errors.UserError(f'clusters are 2 to {_MOST}; got {k!r}')
  if start not in STARTS:
    raise errors.unknown('start of clusters', start, STARTS)


def nearest(values: jax.Array, centroids: jax.Array) -> jax.Array:
  """Assigns values to centroids.

  Args:
    values: Any shape.
    centroids: [k], ascending.

  Returns:
    uint8, in the shape of the values.

  Example:
    >>> nearest(jnp.array([-3., 2.9, 9.]), jnp.array([0., 4., 5.])).tolist()
    [0, 1, 2]
  """
  borders = (centroids[1:] + centroids[:-1]) / 2
  return jnp.searchsorted(borders, values).astype(jnp.uint8)


def rebuild(indices: jax.Array, centroids: jax.Array) -> jax.Array:
  """Looks the weights up; a centroid's gradient is the sum of its members'.

  Args:
    indices: uint8, any shape.
    centroids: [k].

  Returns:
    The weights, in the shape of the indices.

  Example:
    >>> indices = jnp.array([0, 1, 1], jnp.uint8)
    >>> slopes = jnp.array([1., 2., 3.])
    >>> loss = lambda centroids: (slopes * rebuild(indices, centroids)).sum()
    >>> jax.grad(loss)(jnp.zeros(2)).tolist()
    [1.0, 5.0]
  """
  return centroids[indices]


@functools.partial(jax.jit, static_argnums=(3, 4))
def _lloyd(values, mask, key, k, start, iterations):
  flat, kept = values.ravel().astype(jnp.float32), mask.ravel()
  ordered = jnp.sort(jnp.where(kept, flat, jnp.inf))
  count = kept.sum()

  def step(state):
    i, centroids, _ = state
    indices = nearest(flat, centroids)
    # Distances from the centroid, as they are small: sums lose few digits.
    away = jnp.where(kept, flat - centroids[indices], 0)
    members = jax.ops.segment_sum(kept.astype(jnp.int32), indices, k)
    moves = jax.ops.segment_sum(away, indices, k) / jnp.maximum(members, 1)
    moved = jnp.sort(centroids + moves)
    return i + 1, moved, (moved != centroids).any()

  def goes_on(state):
    return state[2] & (state[0] < iterations)

  first = jnp.sort(_start(start, ordered, count, k, key))
  _, found, _ = jax.lax.while_loop(goes_on, step, (0, first, jnp.array(True)))
  last = ordered[jnp.maximum(count - 1, 0)]
  exact = jnp.unique(jnp.minimum(ordered, last), size=k, fill_value=last)
  jumps = (ordered[1:] > ordered[:-1]) & jnp.isfinite(ordered[1:])
  centroids = jnp.where(jumps.sum() < k, exact, found)
  centroids = jnp.where(count > 0, centroids, 0)
  indices = nearest(flat, centroids).reshape(values.shape)
  return Clusters(indices, centroids)


def _start(start, ordered, count, k, key):
  """First centroids, of which an empty tensor's mean nothing."""
  last = jnp.maximum(count - 1, 0)
  if start == 'linear':
    return jnp.linspace(ordered[0], ordered[last], k)
  if start == 'density':
    places = (jnp.arange(k) + 0.5) * (count / k)
    return ordered[jnp.clip(places.astype(jnp.int32), 0, last)]
  if start == 'best':
    return optimal.centroids(ordered, count, k)
  draws = jax.random.gumbel(key, ordered.shape)
  draws = jnp.where(jnp.arange(ordered.size) < count, draws, -jnp.inf)
  return ordered[jnp.argsort(-draws)[jnp.arange(k) % ordered.size]]
