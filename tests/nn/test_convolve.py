"""Our convolution equals lax's, in value and in both gradients."""

import functools

import hypothesis
from hypothesis import strategies as st
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas.nn import convolve


def _problem(size, channels, features, kernel, groups, seed=0):
  kx, kw = jax.random.split(jax.random.key(seed))
  x = jax.random.normal(kx, (4, *size, channels))
  w = jax.random.normal(kw, (*kernel, channels // groups, features))
  numbers = lax.conv_dimension_numbers(x.shape, w.shape, convolve.dense.LAYOUT)
  return x, w, numbers


def _value_and_gradients(conv, x, w):
  @jax.jit
  def run(x, w):
    y, vjp = jax.vjp(conv, x, w)
    g = jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
    return (y, *vjp(g))

  return run(x, w)


@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(
  size=st.tuples(st.integers(5, 9), st.integers(5, 9)),
  kernel=st.tuples(st.sampled_from([1, 2, 3, 5]), st.sampled_from([1, 3])),
  strides=st.tuples(st.integers(1, 3), st.integers(1, 2)),
  padding=st.sampled_from(['SAME', 'VALID', ((2, 1), (0, 2))]),
  kind=st.sampled_from(['full', 'depthwise', 'grouped']),
)
def test_equals_lax_in_value_and_gradients(
  size, kernel, strides, padding, kind
):
  groups = {'full': 1, 'depthwise': 4, 'grouped': 2}[kind]
  x, w, numbers = _problem(size, 4, 4, kernel, groups)
  options = dict(
    window_strides=strides,
    padding=padding,
    dimension_numbers=numbers,
    feature_group_count=groups,
  )
  ours = functools.partial(convolve.conv_general_dilated, **options)
  theirs = functools.partial(lax.conv_general_dilated, **options)
  for a, b in zip(
    _value_and_gradients(ours, x, w),
    _value_and_gradients(theirs, x, w),
    strict=True,
  ):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('groups', [1, 6])
def test_vmap_equals_loop(groups):
  x, w, numbers = _problem((6, 6), 6, 6, (3, 3), groups)
  conv = functools.partial(
    convolve.conv_general_dilated,
    window_strides=(1, 1),
    padding='SAME',
    dimension_numbers=numbers,
    feature_group_count=groups,
  )
  grad = jax.jit(jax.grad(lambda w, x: (conv(x, w) ** 2).sum()))
  ws = jnp.stack([w, 2 * w])
  np.testing.assert_allclose(
    jax.vmap(grad, (0, None))(ws, x),
    jnp.stack([grad(v, x) for v in ws]),
    rtol=1e-3,
    atol=1e-3,
  )


def test_bfloat16_stays_close_to_float32():
  x, w, numbers = _problem((8, 8), 4, 4, (3, 3), 4)
  conv = functools.partial(
    convolve.conv_general_dilated,
    window_strides=(2, 2),
    padding='SAME',
    dimension_numbers=numbers,
    feature_group_count=4,
  )
  half = _value_and_gradients(
    conv, x.astype(jnp.bfloat16), w.astype(jnp.bfloat16)
  )
  for a, b in zip(half, _value_and_gradients(conv, x, w), strict=True):
    assert a.dtype == jnp.bfloat16
    error = jnp.linalg.norm((a.astype(b.dtype) - b).ravel())
    assert error < 0.02 * jnp.linalg.norm(b.ravel())
