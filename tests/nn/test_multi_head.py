"""Projections around a mixer: heads, groups, widths, positions."""

import subprocess
import sys

import formula
import jax
import jax.numpy as jnp
import numpy as np
import plain_attention as plain
import pytest

from effnas import errors, footprint
from effnas.nn import attention, multi_head
from effnas.nn.attention import softmax
from effnas.nn.positions import rotary as rotary_lib

X = jax.random.normal(jax.random.key(0), (2, 7, 16))


def _run(net, x=X):
  variables = net.init(jax.random.key(1), x)
  return net.apply(variables, x), variables['params']


def test_it_projects_mixes_and_projects_back():
  net = multi_head.MultiHeadAttention(
    heads=4, kv_heads=2, head_dim=3, value_dim=5, bias=True
  )
  y, params = _run(net)
  assert params['qkv']['kernel'].shape == (16, 4 * 3 + 2 * 3 + 2 * 5)
  assert params['out']['kernel'].shape == (4 * 5, 16)
  assert set(params['qkv']) == set(params['out']) == {'kernel', 'bias'}
  qkv = X @ params['qkv']['kernel']
  q, k, v = jnp.split(qkv, (12, 18), axis=-1)
  q, k, v = (
    q.reshape(2, 7, 4, 3),
    k.reshape(2, 7, 2, 3),
    v.reshape(2, 7, 2, 5),
  )
  mixed = plain.softmax(q, k, v).reshape(2, 7, 20)
  np.testing.assert_allclose(y, mixed @ params['out']['kernel'], atol=1e-5)


@pytest.mark.parametrize('kv_heads', [1, 2])
def test_groups_are_heads_with_repeated_keys_and_values(kv_heads):
  y, params = _run(multi_head.MultiHeadAttention(heads=4, kv_heads=kv_heads))
  q, k, v = jnp.split(params['qkv']['kernel'], (16, 16 + 4 * kv_heads), axis=-1)
  k, v = (
    jnp.repeat(w.reshape(16, kv_heads, 4), 4 // kv_heads, 1).reshape(16, 16)
    for w in (k, v)
  )
  params['qkv']['kernel'] = jnp.concatenate((q, k, v), -1)
  full = multi_head.MultiHeadAttention(heads=4)
  np.testing.assert_allclose(full.apply({'params': params}, X), y, atol=1e-5)


def test_a_map_is_its_positions_in_row_major_order():
  image = X[:, :6].reshape(2, 2, 3, 16)
  net = multi_head.MultiHeadAttention()
  y, params = _run(net, image)
  flat = net.apply({'params': params}, X[:, :6])
  np.testing.assert_allclose(y.reshape(2, 6, 16), flat, atol=1e-6)


def test_without_positions_it_does_not_see_the_order_but_with_rotary_it_does():
  order = np.array([3, 1, 6, 0, 2, 5, 4])
  for rotary, atol in ((False, 1e-5), (True, None)):
    net = multi_head.MultiHeadAttention(rotary=rotary)
    y, params = _run(net)
    moved = net.apply({'params': params}, X[:, order])
    difference = jnp.abs(moved - y[:, order]).max()
    assert difference < 1e-5 if atol else difference > 1e-2


def test_rotary_is_blind_to_a_common_delay():
  net = multi_head.MultiHeadAttention(rotary=True, kv_heads=2)
  _, params = _run(net)

  # Attention to the last four positions alone, at two places of a sequence.
  def last(x):
    mask = np.zeros((x.shape[1], x.shape[1]), bool)
    mask[-4:, -4:] = True
    mixer = _Masked(mask=tuple(map(tuple, mask.tolist())))
    return net.copy(mixer=mixer).apply({'params': params}, x)[:, -4:]

  late = jnp.concatenate((X, X), 1)
  np.testing.assert_allclose(last(late), last(X), atol=1e-5)


@pytest.mark.parametrize('name', attention.variants())
@pytest.mark.parametrize('shape', [(1, 16), (8, 16), (131, 16), (3, 11, 16)])
def test_costs_hold_at_other_widths_and_lengths(name, shape):
  net = multi_head.MultiHeadAttention(
    attention.variants()[name],
    kv_heads=2,
    head_dim=6,
    value_dim=6 if name == 'cross_covariance' else 10,
    rotary=True,
  )
  expected = formula.of(net, shape, shape)['MACs']
  assert footprint.measure(net, shape)['macs'] == expected


def test_counting_attention_starts_no_backend():
  code = """
from jax._src import xla_bridge
from effnas import footprint
from effnas.nn import attention, multi_head
for mixer in attention.variants().values():
  net = multi_head.MultiHeadAttention(mixer, rotary=True)
  assert footprint.measure(net, (4, 6, 16))['macs'] > 0
  assert not xla_bridge._backends, mixer
"""
  subprocess.run([sys.executable, '-c', code], check=True)


class _Masked(softmax.Softmax):
  mask: tuple = ()

  def __call__(self, q, k, v, grid):
    mask = np.array(self.mask)[None, None]
    return softmax.softmax_attention(q, k, v, mask=mask)


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'heads': 0}, '1 head or more, got heads=0 and kv_heads=0'),
    ({'heads': -2}, '1 head or more, got heads=-2'),
    (
      {'heads': 4, 'kv_heads': -1},
      '1 head or more, got heads=4 and kv_heads=-',
    ),
    ({'heads': 3}, '16 channels do not divide into 3 heads'),
    ({'kv_heads': 3}, 'kv_heads must divide heads; got 3 and 4'),
    ({'head_dim': 5, 'rotary': True}, 'got 5 channels a head'),
  ],
)
def test_heads_that_do_not_fit_are_an_error(fields, message):
  with pytest.raises(errors.UserError, match=message):
    multi_head.MultiHeadAttention(**fields).init(jax.random.key(0), X)


def test_a_share_of_the_channels_is_rotated():
  net = multi_head.MultiHeadAttention(heads=2, rotary=True, rotary_share=0.5)
  y, params = _run(net)
  q, k, v = (
    part.reshape(2, 7, 2, 8)
    for part in jnp.split(X @ params['qkv']['kernel'], 3, axis=-1)
  )
  q, k = (
    jnp.concatenate((rotary_lib.rotate(a[..., :4]), a[..., 4:]), -1)
    for a in (q, k)
  )
  mixed = plain.softmax(q, k, v).reshape(2, 7, 16)
  np.testing.assert_allclose(y, mixed @ params['out']['kernel'], atol=1e-5)


def test_the_projection_back_can_do_without_biases():
  net = multi_head.MultiHeadAttention(bias_out=False)
  assert set(_run(net)[1]['out']) == {'kernel'}
