"""Squeeze-and-excitation: one gate for a channel, of the published width."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trained

from effnas import errors
from effnas.nn import rewrite, squeeze_excite

X = jax.random.normal(jax.random.key(0), (2, 5, 5, 12))


def test_it_equals_its_formula():
  module = squeeze_excite.SqueezeExcite(act=jax.nn.silu, gate=jax.nn.sigmoid)
  variables = trained.variables(module, X)
  reduce, expand = (variables['params'][k] for k in ('reduce', 'expand'))
  y = jax.nn.silu(X.mean((1, 2)) @ reduce['kernel'] + reduce['bias'])
  gate = jax.nn.sigmoid(y @ expand['kernel'] + expand['bias'])
  np.testing.assert_allclose(
    module.apply(variables, X), X * gate[:, None, None], atol=1e-5
  )


def test_it_scales_channels_alike_everywhere():
  module = squeeze_excite.SqueezeExcite(2)
  gate = module.apply(trained.variables(module, X), X) / X
  np.testing.assert_allclose(
    gate, jnp.broadcast_to(gate[:, :1, :1], gate.shape), rtol=1e-4
  )
  assert 0 <= gate.min() <= gate.max() <= 1


@pytest.mark.parametrize(
  ('fields', 'entry', 'expected'),
  [
    ({}, 0, 3),
    ({}, 5, 1),
    ({'ratio': 0.01}, 0, 1),
    ({'of': 'hidden'}, 5, 8),
    ({'of': 'hidden', 'divisor': 4}, 5, 4),
    ({'of': 'hidden', 'divisor': 4, 'ratio': 0.5}, 5, 8),
  ],
)
def test_the_bottleneck_is_as_wide_as_asked(fields, entry, expected):
  module = squeeze_excite.SqueezeExcite(**fields)
  params = jax.eval_shape(
    lambda x: module.init(jax.random.key(0), x, entry), X
  )['params']
  assert params['reduce']['kernel'].shape == (12, expected)


def test_another_basis_of_the_width_is_refused_in_one_line():
  module = squeeze_excite.SqueezeExcite(of='hiden')
  with pytest.raises(errors.UserError, match="did you mean 'hidden'"):
    rewrite.abstract_variables(module, (4, 4, 8))
