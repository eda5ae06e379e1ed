"""DeiT: published sizes, its token, its positions, its rates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.zoo import deit


def test_without_layers_the_class_token_alone_decides():
  net = deit.VisionTransformer((), features=8, patch=4, classes=3)
  x = jax.random.normal(jax.random.key(0), (2, 8, 12, 3))
  variables = jax.jit(net.init)(jax.random.key(1), x)
  params = variables['params']
  token = (params['class_token'] + params['positions'][:, :1])[0, 0]
  assert params['positions'].shape == (1, 1 + 2 * 3, 8)
  normal = (token - token.mean()) / jnp.sqrt(token.var() + 1e-6)
  logits = normal @ params['classifier']['kernel']
  y = jax.jit(net.apply)(variables, x)
  np.testing.assert_allclose(y, jnp.stack([logits, logits]), atol=1e-5)


def test_patches_reach_the_token_and_their_order_matters():
  net = deit.miniature().build()
  x = jax.random.normal(jax.random.key(0), (1, 32, 32, 3))
  variables = jax.jit(net.init)(jax.random.key(1), x)
  # Positions of a size that shows.
  params = dict(variables['params'])
  params['positions'] = 50 * params['positions']
  apply = jax.jit(lambda x: net.apply({'params': params}, x))
  # Whole patches change places.
  moved = apply(jnp.roll(x, 8, axis=1))
  assert jnp.abs(apply(x) - moved).max() > 1e-3


def test_an_image_that_is_no_whole_patches_is_refused():
  net = deit.deit(64, 1)
  with pytest.raises(errors.UserError, match='16x16; got 32x40'):
    jax.eval_shape(net.init, jax.random.key(0), jnp.ones((1, 32, 40, 3)))


def test_features_are_whole_heads():
  with pytest.raises(errors.UserError, match=r'; got 200$'):
    deit.deit(200)


def test_rates_of_stochastic_depth_rise_evenly():
  net = deit.deit(depth=5, drop_path=0.2)
  rates = [layer.drop_path for layer in net.encoders]
  np.testing.assert_allclose(rates, [0, 0.05, 0.1, 0.15, 0.2])
