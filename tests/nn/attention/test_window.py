"""Windows see what Swin lets them see, at any size of the grid."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import plain_attention as plain
import pytest

from effnas import errors
from effnas.nn.attention import softmax, window
from effnas.nn.positions import relative

GRIDS = [(8, 8), (10, 6), (3, 9), (4, 4), (13,), (5, 4, 3)]


def _allowed(grid, size, shift):
  """Which position may see which, [T, T]: the same window of each axis.

  Windows of a shifted axis begin at size // 2; what is before or behind them
  are smaller windows. Rolled by Swin, those two are one masked window.
  """
  allowed = np.ones((1, 1), bool)
  for n in grid:
    by = size // 2 if shift and size < n else 0
    number = (np.arange(n) - by) // size
    if by:
      padded = -(-n // size) * size
      # Behind the last whole window of the padded axis.
      number[np.arange(n) >= padded - size + by] = 1000
    allowed = np.kron(allowed, number[:, None] == number)
  return allowed


@pytest.mark.parametrize('shift', [False, True])
@pytest.mark.parametrize('grid', GRIDS)
def test_it_equals_softmax_under_the_mask_of_its_windows(grid, shift):
  q, k, v = plain.draw(math.prod(grid), groups=2, values=6)
  mixer = window.Window(size=4, shift=shift, bias=None)
  np.testing.assert_allclose(
    mixer.apply({}, q, k, v, grid),
    plain.softmax(q, k, v, _allowed(grid, 4, shift)),
    atol=1e-5,
  )


@pytest.mark.parametrize('shift', [False, True])
@pytest.mark.parametrize('grid', [(8, 8), (10, 6), (13,)])
def test_a_window_never_sees_what_the_mask_forbids(grid, shift):
  length = math.prod(grid)
  q, k, v = plain.draw(length, heads=1, batch=1)
  mixer = window.Window(size=4, shift=shift, bias=None)

  @jax.jit
  @jax.jacrev
  def influence(v):
    return mixer.apply({}, q, k, v, grid)[0, :, 0].sum(-1)

  seen = np.abs(influence(v))[:, 0].sum((-2, -1)) > 0
  assert (seen == _allowed(grid, 4, shift)).all()


@pytest.mark.parametrize('shift', [False, True])
def test_a_window_over_the_whole_grid_is_softmax(shift):
  grid = (5, 3)
  q, k, v = plain.draw(15)
  ours = window.Window(size=5, shift=shift)
  theirs = softmax.Softmax(bias=relative.RelativeBias())
  params = ours.init(jax.random.key(0), q, k, v, grid)
  params = jax.tree.map(lambda p: 30 * p, params)
  np.testing.assert_allclose(
    ours.apply(params, q, k, v, grid),
    theirs.apply(params, q, k, v, grid),
    atol=1e-5,
  )
  zero = jax.tree.map(jnp.zeros_like, params)
  np.testing.assert_allclose(
    ours.apply(zero, q, k, v, grid), plain.softmax(q, k, v), atol=1e-5
  )


def test_windows_share_the_bias_of_their_offsets():
  grid, size = (8, 8), 4
  q, k, v = plain.draw(64)
  mixer = window.Window(size, shift=True)
  variables = mixer.init(jax.random.key(0), q, k, v, grid)
  table = jax.random.normal(jax.random.key(1), (4, 49))
  bias = np.zeros((4, 64, 64))
  at = np.stack(np.divmod(np.arange(64), 8), 1)
  offset = at[:, None] - at + size - 1
  near = ((offset >= 0) & (offset < 7)).all(-1)
  bias[:, near] = np.asarray(table)[:, (offset @ [7, 1])[near]]
  assert jax.tree.map(jnp.shape, variables['params']['relative']['table']) == (
    4,
    49,
  )
  np.testing.assert_allclose(
    mixer.apply({'params': {'relative': {'table': table}}}, q, k, v, grid),
    plain.softmax(q, k, v, _allowed(grid, size, True), bias),
    atol=1e-5,
  )


@pytest.mark.parametrize('grid', GRIDS)
def test_untile_inverts_tile(grid):
  x, *_ = plain.draw(math.prod(grid))
  sides, shift = (4, 2, 3)[: len(grid)], (1, 0, 2)[: len(grid)]
  tiles = window.tile(x, grid, sides, shift)
  assert tiles.shape[2] == math.prod(sides)
  assert (window.untile(tiles, grid, sides, shift) == x).all()


def test_a_size_below_one_is_an_error():
  with pytest.raises(errors.UserError, match='at least 1; got 0'):
    window.Window(size=0).apply({}, *plain.draw(), (7,))
