"""FBNet's block, where it differs from the inverted residual."""

import jax
import jax.numpy as jnp
import pytest

from effnas import errors
from effnas.nn.blocks import fbnet


def test_a_group_reaches_the_other_through_the_shuffle():
  # Without the shuffle an output sees the inputs of its own half only.
  net = fbnet.FBNetBlock(features=12, expand=1, groups=2, act=lambda x: x)
  x = jax.random.normal(jax.random.key(0), (1, 5, 5, 8))
  variables = net.init(jax.random.key(1), x)
  jacobian = jax.jacrev(lambda x: net.apply(variables, x).sum((0, 1, 2)))(x)
  seen = jnp.abs(jacobian).max((1, 2, 3))  # [F, C]
  assert (seen > 0).all()


def test_the_first_convolution_is_left_out_where_asked():
  net = fbnet.FBNetBlock(expand=1, always_expand=False)
  x = jnp.ones((1, 5, 5, 8))
  params = net.init(jax.random.key(1), x)['params']
  assert set(params) == {'depthwise', 'project'}
  params = net.copy(expand=3).init(jax.random.key(1), x)['params']
  assert set(params) == {'expand', 'depthwise', 'project'}


def test_groups_that_do_not_fit_are_refused():
  with pytest.raises(errors.UserError, match=r'groups \(3\); got 8, 48 and 8'):
    fbnet.FBNetBlock(groups=3).init(jax.random.key(0), jnp.ones((1, 5, 5, 8)))
