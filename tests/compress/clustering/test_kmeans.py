"""Clusters: exact where they can be, and gradients that add up."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.compress.clustering import kmeans


def _values(n=600, seed=0):
  values = np.random.default_rng(seed).normal(size=(n // 6, 6))
  return jnp.asarray(values, jnp.float32)


def _error(values, found):
  rebuilt = np.asarray(found.centroids)[np.asarray(found.indices)]
  return float(((rebuilt - np.asarray(values)) ** 2).sum())


def _best_error(values, k):
  """The least error of k clusters of sorted values, by dynamic programming."""
  ordered = np.sort(np.asarray(values, np.float64).ravel())
  sums = np.concatenate([[0], np.cumsum(ordered)])
  squares = np.concatenate([[0], np.cumsum(ordered**2)])
  n = np.arange(len(ordered) + 1)
  first, last = n[:, None], n[None, :]
  members = np.maximum(last - first, 1)
  cost = squares[last] - squares[first]
  cost = cost - (sums[last] - sums[first]) ** 2 / members
  cost = np.where(last >= first, cost, np.inf)
  best = cost[0]
  for _ in range(k - 1):
    best = (best[:, None] + cost).min(0)
  return best[-1]


@pytest.mark.parametrize('start', kmeans.STARTS)
@pytest.mark.parametrize('distinct', [1, 7, 16])
def test_as_many_centroids_as_values_are_exact(start, distinct):
  rng = np.random.default_rng(distinct)
  pool = rng.standard_t(1.5, distinct).astype(np.float32)
  values = jnp.asarray(pool[rng.integers(0, distinct, (9, 11))])
  found = kmeans.cluster(values, 16, start=start)
  np.testing.assert_array_equal(kmeans.rebuild(*found), values)


@pytest.mark.parametrize('start', kmeans.STARTS)
def test_it_ends_where_means_and_nearest_agree(start):
  values = _values()
  found = kmeans.cluster(values, 8, start=start, iterations=100)
  values, indices, centroids = map(np.asarray, (values, *found))
  assert (np.diff(centroids) > 0).all()
  distance = np.abs(values[..., None] - centroids)
  np.testing.assert_array_equal(indices, distance.argmin(-1))
  for i, centroid in enumerate(centroids):
    np.testing.assert_allclose(values[indices == i].mean(), centroid, rtol=1e-5)


@pytest.mark.parametrize(
  ('start', 'near'), [('linear', 2), ('density', 1.6), ('best', 1.001)]
)
def test_the_error_is_near_the_least_and_falls_with_k(start, near):
  values, before = _values(), np.inf
  for k in (2, 8, 16):
    error = _error(values, kmeans.cluster(values, k, start=start))
    least = _best_error(values, k)
    assert least * (1 - 1e-4) <= error <= near * least
    assert error < before
    before = error


@pytest.mark.parametrize('start', kmeans.STARTS)
def test_no_step_raises_the_error(start):
  values = _values()
  found = [
    _error(values, kmeans.cluster(values, 8, start=start, iterations=n))
    for n in (0, 1, 5, 100)
  ]
  assert all(b <= a * (1 + 1e-6) for a, b in itertools.pairwise(found))
  assert found[-1] < (1 if start == 'best' else 0.95) * found[0]


def test_starts_are_what_they_say():
  values = jnp.concatenate([jnp.zeros(90), jnp.linspace(0.0, 10, 10)])
  first = {
    start: kmeans.cluster(values, 5, start=start, iterations=0).centroids
    for start in kmeans.STARTS
  }
  np.testing.assert_allclose(first['linear'], [0, 2.5, 5, 7.5, 10], rtol=1e-6)
  np.testing.assert_allclose(first['density'][:4], 0)
  even = kmeans.cluster(jnp.arange(100.0), 5, start='density', iterations=0)
  np.testing.assert_allclose(even.centroids, [10, 30, 50, 70, 90])
  assert set(first['random'].tolist()) <= set(values.tolist())
  many = _values()
  drawn = [
    kmeans.cluster(many, 5, start='random', iterations=0, seed=seed).centroids
    for seed in (3, 3, 7)
  ]
  np.testing.assert_array_equal(drawn[0], drawn[1])
  assert (drawn[0] != drawn[2]).all()


@pytest.mark.parametrize('start', kmeans.STARTS)
def test_masked_values_draw_no_centroid(start):
  values = _values()
  mask = jnp.abs(values) < 1
  far = jnp.where(mask, values, 1e6)
  some = kmeans.cluster(far, 4, mask=mask, start=start)
  alone = kmeans.cluster(jnp.sort(values[mask]), 4, start=start, seed=0)
  assert jnp.abs(some.centroids).max() < 1
  if start != 'random':  # whose draw goes by the place of a value
    np.testing.assert_allclose(some.centroids, alone.centroids, atol=1e-6)
  nothing = kmeans.cluster(values, 4, mask=jnp.zeros_like(mask), start=start)
  assert jnp.isfinite(nothing.centroids).all()


def test_a_centroid_gets_the_sum_of_its_members_gradients():
  values = _values()
  indices, centroids = kmeans.cluster(values, 8)

  def loss(weights):
    return jnp.sin(3 * weights).sum() + (weights @ weights.T).sum() / 100

  ours = jax.grad(lambda c: loss(kmeans.rebuild(indices, c)))(centroids)
  slopes = jax.grad(loss)(kmeans.rebuild(indices, centroids))
  sums = [slopes[indices == i].sum() for i in range(8)]
  np.testing.assert_allclose(ours, sums, rtol=1e-4)


def test_the_best_error_falls_with_each_cluster_and_is_the_least():
  values = _values(300)
  found = [
    _error(values, kmeans.cluster(values, k, start='best'))
    for k in (2, 3, 4, 5)
  ]
  assert all(b < a for a, b in itertools.pairwise(found))
  least = [_best_error(values, k) for k in (2, 3, 4, 5)]
  np.testing.assert_allclose(found, least, rtol=1e-4)


def test_it_can_be_traced_and_does_the_same():
  values = _values()
  traced = jax.jit(lambda v: kmeans.cluster(v, 8))(values)
  plain = kmeans.cluster(values, 8)
  np.testing.assert_array_equal(traced.indices, plain.indices)
  np.testing.assert_allclose(traced.centroids, plain.centroids, rtol=1e-6)


@pytest.mark.parametrize('k', [0, 1, 257, 2.0, True])
def test_clusters_that_no_byte_tells_apart_are_refused(k):
  with pytest.raises(errors.UserError, match='2 to 256; got'):
    kmeans.cluster(_values(), k)


def test_an_unknown_start_names_a_known_one():
  with pytest.raises(errors.UserError, match="did you mean 'linear'"):
    kmeans.cluster(_values(), 4, start='liner')
