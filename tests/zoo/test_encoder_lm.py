"""Encoders of text are the published ones."""

import jax
import jax.numpy as jnp
import numpy as np

from effnas.zoo import encoder_lm

_FEW = ('bert_tiny', 'bert_mini', 'bert_base')


def test_it_classifies_by_the_first_token_which_sees_all():
  net = encoder_lm.miniature().build(classes=3)
  x = jax.random.randint(jax.random.key(0), (2, 16), 0, 20)
  variables = jax.jit(net.init)(jax.random.key(1), x)
  apply = jax.jit(net.apply)
  logits = apply(variables, x)
  assert logits.shape == (2, 3)
  changed = x.at[:, -1].set((x[:, -1] + 1) % 20)
  assert jnp.abs(apply(variables, changed) - logits).max() > 1e-5


def test_without_layers_it_sees_the_first_token_only():
  net = encoder_lm.miniature().build(depth=0)
  x = jax.random.randint(jax.random.key(0), (2, 16), 0, 20)
  variables = jax.jit(net.init)(jax.random.key(1), x)
  logits = net.apply(variables, x)
  others = x.at[:, 1:].set(3)
  np.testing.assert_array_equal(net.apply(variables, others), logits)
  first = x.at[:, 0].set((x[:, 0] + 1) % 20)
  assert jnp.abs(net.apply(variables, first) - logits).max() > 1e-5


def test_without_classes_it_gives_features():
  net = encoder_lm.miniature().build(classes=0)
  x = jnp.zeros((2, 16), int)
  features, _ = jax.jit(net.init_with_output)(jax.random.key(0), x)
  assert features.shape == (2, 16)
  assert jnp.abs(features).max() <= 1
