"""The operations of searched cells."""

import formula
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, footprint
from effnas.nn import cells

# Odd, and not alike, so that axes cannot be mixed up.
SHAPE = (10, 7, 8)


def _compute(module, x):
  return module.init_with_output(jax.random.key(0), x)[0]


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('name', cells._OPERATIONS)
def test_an_operation_keeps_channels_and_halves_the_map(name, stride):
  x = jax.random.normal(jax.random.key(0), (2, *SHAPE))
  y = _compute(cells.operation(name).copy(stride=stride), x)
  assert y.shape == (2, -(-10 // stride), -(-7 // stride), 8)
  assert bool(jnp.isfinite(y).all())


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('name', [n for n in cells._OPERATIONS if 'conv' in n])
def test_an_operation_costs_what_its_docstring_says(name, stride):
  module = cells.operation(name).copy(stride=stride)
  out = (-(-10 // stride), -(-7 // stride), 8)
  expected = formula.of(module, SHAPE, out)['MACs']
  assert footprint.measure(module, SHAPE)['macs'] == expected > 0


def test_a_factorized_reduction_costs_what_its_docstring_says():
  module = cells.FactorizedReduce(12)
  expected = formula.of(module, SHAPE, (5, 4, 12))['MACs']
  assert footprint.measure(module, SHAPE)['macs'] == expected


def test_a_factorized_reduction_sees_every_second_pixel_of_both_diagonals():
  x = np.zeros((1, 6, 6, 2), np.float32)
  x[:, ::2, ::2] = 1
  x[:, 1::2, 1::2] = 2
  module = cells.FactorizedReduce()
  variables = module.init(jax.random.key(0), x)
  ones = jax.tree.map(jnp.ones_like, variables['params'])
  y = module.apply({**variables, 'params': ones}, x)
  # The normalisation multiplies by and adds 1.
  np.testing.assert_allclose(y[..., 0], 3, rtol=1e-4)
  np.testing.assert_allclose(y[..., 1], 5, rtol=1e-4)


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize(
  ('name', 'of'), [('avg_pool_3x3', np.mean), ('max_pool_3x3', np.max)]
)
def test_pools_see_nothing_outside_of_the_map(name, of, stride):
  x = -1 - np.random.default_rng(0).random((5, 4), np.float32)
  expected = [
    [
      of(x[max(0, i - 1) : i + 2, max(0, j - 1) : j + 2])
      for j in range(0, 4, stride)
    ]
    for i in range(0, 5, stride)
  ]
  y = _compute(cells.operation(name).copy(stride=stride), x[None, ..., None])
  np.testing.assert_allclose(y[0, ..., 0], expected, rtol=1e-5)


def test_nothing_passes_zero():
  x = jnp.ones((1, 4, 4, 2))
  assert not _compute(cells.operation('none'), x).any()


def test_unknown_operations_have_near_matches():
  with pytest.raises(errors.UserError, match="did you mean 'sep_conv_3x3'"):
    cells.operation('sepconv_3x3')


def test_an_odd_number_of_channels_cannot_be_halved():
  with pytest.raises(errors.UserError, match='even number of channels; got 3'):
    _compute(cells.FactorizedReduce(3), jnp.ones((1, 4, 4, 2)))
