"""Decoders are the published ones, and see no later token."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import footprint
from effnas.zoo import decoder

# Parameters and MACs of one sequence: GPT-2's as transformers 5.23 has it,
# with torch 2.14's flop counter; nanoGPT's by hand, its own count (10.65M)
# leaves out the 98,304 of the positions.
PUBLISHED = {
  'gpt2_small': (124_439_808, 145_824_153_600),
  'gpt2_medium': (354_823_168, 413_475_536_896),
  'gpt2_large': (774_030_080, 887_285_350_400),
  'gpt2_xl': (1_557_611_200, 1_753_351_782_400),
  'nanogpt_shakespeare': (10_646_784 + 98_304, 3_026_288_640),
}
_SLOW = ('gpt2_medium', 'gpt2_large', 'gpt2_xl')


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=[pytest.mark.slow] if name in _SLOW else [])
    for name in PUBLISHED
  ],
)
def test_parameters_and_macs_are_the_published_ones(name):
  published = decoder.networks()[name]
  counted = footprint.measure(
    published.build(), published.input_shape, input_dtype='int32'
  )
  assert (counted['params'], counted['macs']) == PUBLISHED[name]


def test_all_networks_have_published_counts():
  assert set(PUBLISHED) == set(decoder.networks())


def test_no_position_sees_a_later_one():
  net = decoder.miniature().build()
  x = jax.random.randint(jax.random.key(0), (2, 16), 0, 10)
  variables = jax.jit(net.init)(jax.random.key(1), x)
  changed = x.at[:, 9].set((x[:, 9] + 1) % 10)
  a, b = net.apply(variables, x), net.apply(variables, changed)
  assert a.shape == (2, 16, 10)
  np.testing.assert_array_equal(a[:, :9], b[:, :9])
  assert (jnp.abs(a - b)[:, 9:].max(-1) > 1e-4).all()


def test_a_tied_head_is_the_table():
  tied, untied = (
    footprint.measure(
      decoder.miniature().build(tied=tied), (16,), input_dtype='int32'
    )
    for tied in (True, False)
  )
  assert untied['params'] - tied['params'] == 10 * 16
  assert untied['macs'] == tied['macs']


def test_training_drops():
  net = decoder.miniature().build(dropout=0.5)
  x = jnp.zeros((2, 16), int)
  variables = jax.jit(net.init)(jax.random.key(0), x)
  rngs = {'dropout': jax.random.key(1)}
  trained = net.apply(variables, x, train=True, rngs=rngs)
  assert jnp.abs(trained - net.apply(variables, x)).max() > 1e-3
