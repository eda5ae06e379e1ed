"""Softmax attention is its formula, fused where that can be."""

import jax
import jax.numpy as jnp
import numpy as np
import plain_attention as plain
import pytest

from effnas.nn import heads
from effnas.nn.attention import softmax


@pytest.mark.parametrize('values', [6, 10])
@pytest.mark.parametrize('causal', [False, True])
@pytest.mark.parametrize('groups', [1, 2, 4])
def test_it_equals_its_formula(values, causal, groups):
  q, k, v = plain.draw(groups=groups, channels=6, values=values)
  bias = jax.random.normal(jax.random.key(9), (1, 4, 7, 7))
  mask = np.random.default_rng(0).random((7, 7)) < 0.7
  mask |= np.eye(7, dtype=bool)
  seen = mask & np.tri(7, dtype=bool) if causal else mask
  np.testing.assert_allclose(
    softmax.softmax_attention(q, k, v, bias, mask[None, None], causal=causal),
    plain.softmax(q, k, v, seen, np.asarray(bias)),
    atol=1e-5,
  )


def test_grouped_queries_meet_repeated_keys():
  q, k, v = plain.draw(groups=2)
  grouped = softmax.softmax_attention(q, k, v)
  np.testing.assert_allclose(
    grouped, softmax.softmax_attention(q, *heads.match(4, k, v)), atol=1e-6
  )
  # Head 1 is of the first group, head 2 of the second.
  k = k.at[:, :, 1].add(1)
  changed = softmax.softmax_attention(q, k, v) != grouped
  assert changed.any((0, 1, 3)).tolist() == [False, False, True, True]


def test_it_does_not_see_the_order_of_a_sequence():
  q, k, v = plain.draw()
  order = np.array([3, 1, 6, 0, 2, 5, 4])
  np.testing.assert_allclose(
    softmax.softmax_attention(*(x[:, order] for x in (q, k, v))),
    softmax.softmax_attention(q, k, v)[:, order],
    atol=1e-6,
  )


@pytest.mark.parametrize(
  ('changes', 'implementation'),
  [
    ({}, 'cudnn'),
    ({'fused': False}, 'xla'),
    ({'dtype': jnp.float32}, 'xla'),
    ({'length': 7}, 'xla'),
    ({'channels': 12}, 'xla'),
    ({'channels': 136}, 'xla'),
    ({'mask': np.ones((1, 1, 8, 8), bool)}, 'xla'),
  ],
)
def test_the_fused_kernel_gets_what_it_takes(
  changes, implementation, monkeypatch
):
  given = []
  monkeypatch.setattr(
    jax.nn,
    'dot_product_attention',
    lambda q, *_, implementation, **__: given.append(implementation) or q,
  )
  options = {
    'length': 8,
    'channels': 16,
    'dtype': jnp.bfloat16,
    'mask': None,
    'fused': True,
    **changes,
  }
  q, k, v = (
    x.astype(options['dtype'])
    for x in plain.draw(options['length'], channels=options['channels'])
  )
  softmax.softmax_attention(
    q, k, v, mask=options['mask'], fused=options['fused']
  )
  assert given == [implementation]
