"""Factors: exact at full rank, as near as can be below."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas.compress.lowrank import factors


def _random(*shape, seed=0):
  values = np.random.default_rng(seed).normal(size=shape)
  return jnp.asarray(values, jnp.float32)


def _error(kernel, other):
  return float(np.linalg.norm(np.asarray(kernel - other).ravel()))


@pytest.mark.parametrize('shape', [(12, 7), (5, 9)])
def test_the_error_of_the_svd_is_the_tail_of_the_singular_values(shape):
  matrix = _random(*shape)
  values = np.linalg.svd(np.asarray(matrix), compute_uv=False)
  for rank in range(1, min(shape) + 1):
    left, right = factors.svd(matrix, rank)
    assert left.shape == (shape[0], rank)
    assert right.shape == (rank, shape[1])
    tail = np.sqrt((values[rank:] ** 2).sum())
    assert _error(matrix, left @ right) == pytest.approx(tail, abs=1e-5)


def test_both_sides_of_the_svd_are_equally_large():
  left, right = factors.svd(_random(12, 7), 4)
  np.testing.assert_allclose(left.T @ left, right @ right.T, atol=1e-5)


SHAPES = [(3, 3, 8, 6), (5, 1, 4, 9), (3, 6, 5), (2, 2, 2, 3, 4)]


@pytest.mark.parametrize('shape', SHAPES)
def test_tucker_at_full_rank_is_the_kernel(shape):
  kernel = _random(*shape)
  found = factors.tucker(kernel, shape[-2:], iterations=1)
  assert found.core.shape == shape
  np.testing.assert_allclose(factors.whole(found), kernel, atol=1e-5)


def test_tucker_finds_a_kernel_of_low_rank_whatever_its_window():
  low = factors.whole(
    factors.Tucker(_random(8, 3), _random(3, 3, 3, 2, seed=1), _random(2, 6))
  )
  found = factors.tucker(low, (3, 2))
  np.testing.assert_allclose(factors.whole(found), low, atol=1e-4)


def test_tucker_factors_are_orthonormal_and_the_core_is_the_best_for_them():
  kernel = _random(3, 3, 8, 6)
  reduce, core, expand = factors.tucker(kernel, (4, 3))
  np.testing.assert_allclose(reduce.T @ reduce, np.eye(4), atol=1e-5)
  np.testing.assert_allclose(expand @ expand.T, np.eye(3), atol=1e-5)
  norms = [float(jnp.linalg.norm(x.ravel())) for x in (kernel, core)]
  error = _error(kernel, factors.whole(factors.Tucker(reduce, core, expand)))
  assert error**2 == pytest.approx(norms[0] ** 2 - norms[1] ** 2, rel=1e-4)


def test_iterations_never_raise_the_error_and_help():
  kernel = _random(3, 3, 10, 12)
  found = [
    _error(kernel, factors.whole(factors.tucker(kernel, (3, 2), n)))
    for n in (0, 1, 3, 10)
  ]
  assert all(b <= a + 1e-5 for a, b in itertools.pairwise(found))
  assert found[-1] < 0.999 * found[0]


@pytest.mark.parametrize('side', [-2, -1])
def test_at_the_end_each_side_is_the_best_for_the_other(side):
  kernel = _random(3, 3, 10, 12)
  found = factors.tucker(kernel, (3, 2), 100)
  other = found.expand.T if side == -2 else found.reduce
  rank = (3, 2)[side]
  projected = jnp.tensordot(kernel, other, ((-3 - side,), (0,)))
  unfolded = np.moveaxis(np.asarray(projected), 2, 0)
  unfolded = unfolded.reshape(kernel.shape[side], -1)
  best = (np.linalg.svd(unfolded, compute_uv=False)[:rank] ** 2).sum()
  kept = float((found.core**2).sum())
  assert kept == pytest.approx(best, rel=1e-4)


def test_the_error_falls_with_each_rank():
  kernel = _random(3, 3, 6, 5)
  found = {
    ranks: _error(kernel, factors.whole(factors.tucker(kernel, ranks)))
    for ranks in itertools.product((1, 3, 6), (1, 3, 5))
  }
  for (r, s), error in found.items():
    for more in ((r + 2, s), (r + 3, s), (r, s + 2)):
      if more in found:
        assert found[more] <= error
  rounding = 8 * np.finfo(np.float32).eps * np.linalg.norm(kernel)
  assert found[6, 5] < rounding < found[1, 1]


def test_the_tails_of_both_spectra_bound_the_error():
  kernel = _random(3, 3, 8, 6)
  along_inputs, along_outputs = map(np.asarray, factors.spectra(kernel))
  for r, s in ((1, 1), (3, 5), (8, 2), (6, 6)):
    bound = (along_inputs[r:] ** 2).sum() + (along_outputs[s:] ** 2).sum()
    error = _error(kernel, factors.whole(factors.tucker(kernel, (r, s), 0)))
    assert error**2 <= bound * (1 + 1e-5) + 1e-6
    assert (
      max((along_inputs[r:] ** 2).sum(), (along_outputs[s:] ** 2).sum())
      <= (error + 1e-5) ** 2
    )


def test_factors_can_be_traced():
  kernel = _random(3, 3, 6, 5)
  traced = jax.jit(lambda k: factors.whole(factors.tucker(k, (3, 2))))(kernel)
  plain = factors.whole(factors.tucker(kernel, (3, 2)))
  np.testing.assert_allclose(traced, plain, atol=1e-4)
