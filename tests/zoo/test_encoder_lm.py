"""Encoders of text are the published ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import footprint
from effnas.zoo import encoder_lm

# Parameters with the pooling layer, and MACs of one sequence of 512: of
# BertModel in transformers 5.23, with torch 2.14's flop counter.
PUBLISHED = {
  'bert_tiny': (4_385_920, 335_560_704),
  'bert_mini': (11_170_560, 2_147_549_184),
  'bert_small': (28_763_648, 7_516_454_912),
  'bert_medium': (41_373_184, 15_032_647_680),
  'bert_base': (109_482_240, 48_318_971_904),
  'bert_large': (335_141_888, 167_504_773_120),
}
_FEW = ('bert_tiny', 'bert_mini', 'bert_base')


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=[] if name in _FEW else [pytest.mark.slow])
    for name in PUBLISHED
  ],
)
def test_parameters_and_macs_are_the_published_ones(name):
  published = encoder_lm.networks()[name]
  counted = footprint.measure(
    published.build(), published.input_shape, input_dtype='int32'
  )
  assert (counted['params'], counted['macs']) == PUBLISHED[name]


def test_all_networks_have_published_counts():
  assert set(PUBLISHED) == set(encoder_lm.networks())


def test_it_classifies_by_the_first_token_which_sees_all():
  net = encoder_lm.miniature().build(classes=3)
  x = jax.random.randint(jax.random.key(0), (2, 16), 0, 20)
  variables = jax.jit(net.init)(jax.random.key(1), x)
  logits = net.apply(variables, x)
  assert logits.shape == (2, 3)
  changed = x.at[:, -1].set((x[:, -1] + 1) % 20)
  assert jnp.abs(net.apply(variables, changed) - logits).max() > 1e-5


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
  features, _ = net.init_with_output(jax.random.key(0), x)
  assert features.shape == (2, 16)
  assert jnp.abs(features).max() <= 1
