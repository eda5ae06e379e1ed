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


def _problem(size, channels, features, kernel, groups, batch=4):
  kx, kw = jax.random.split(jax.random.key(0))
  x = jax.random.normal(kx, (batch, *size, channels))
  w = jax.random.normal(kw, (*kernel, channels // groups, features))
  numbers = lax.conv_dimension_numbers(x.shape, w.shape, convolve.dense.LAYOUT)
  return x, w, numbers


def _value_and_gradients(conv, x, w):
  @jax.jit
  def run(x, w):
    y, vjp = jax.vjp(conv, x, w)
    g = jnp.cos(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape)
    return (y, *vjp(g.astype(y.dtype)))

  return run(x, w)


KINDS = {
  'full': (1, 4),
  'depthwise': (4, 4),
  'filters': (4, 8),
  'groups': (2, 4),
}


@hypothesis.settings(max_examples=12, deadline=None)
@hypothesis.given(
  batch=st.sampled_from([1, 4, 17]),
  size=st.tuples(st.integers(5, 9), st.integers(5, 9)),
  kernel=st.tuples(*[st.sampled_from([1, 2, 3, 5, 7, 11])] * 2),
  strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
  dilation=st.tuples(st.integers(1, 2), st.integers(1, 3)),
  padding=st.sampled_from(
    ['SAME', 'VALID', ((2, 1), (0, 2)), ((-1, 1), (2, -2))]
  ),
  kind=st.sampled_from(list(KINDS)),
  large=st.booleans(),
)
@hypothesis.example(
  batch=1,
  size=(6, 7),
  kernel=(3, 3),
  strides=(1, 2),
  dilation=(1, 1),
  padding=((-1, 1), (2, -2)),
  kind='depthwise',
  large=False,
)
def test_equals_lax_in_value_and_gradients(
  batch, size, kernel, strides, dilation, padding, kind, large
):
  groups, features = KINDS[kind]
  x, w, numbers = _problem(size, 4, features, kernel, groups, batch=batch)
  options = dict(
    window_strides=strides,
    padding=padding,
    rhs_dilation=dilation,
    dimension_numbers=numbers,
    feature_group_count=groups,
  )
  ours = functools.partial(convolve.conv_general_dilated, **options)
  theirs = functools.partial(lax.conv_general_dilated, **options)
  expected = _value_and_gradients(theirs, x, w)
  hypothesis.assume(expected[0].size)
  with pytest.MonkeyPatch.context() as patch:
    # Both forms of sums and of weight gradients, whatever the size.
    patch.setattr(convolve.depthwise, '_UNROLLED', 1000 if large else 0)
    patch.setattr(convolve.depthwise, '_LARGE', 0 if large else 2**30)
    found = _value_and_gradients(ours, x, w)
  for a, b in zip(found, expected, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * _size(b))


def _size(x):
  return max(1, float(jnp.abs(x).max()))


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


@pytest.mark.parametrize('kernel', [3, 11])
@pytest.mark.parametrize('groups', [1, 4])
def test_bfloat16_is_float32_rounded_once(kernel, groups):
  x, w, numbers = _problem((12, 12), 4, 4, (kernel, kernel), groups)
  conv = functools.partial(
    convolve.conv_general_dilated,
    window_strides=(2, 2),
    padding='SAME',
    dimension_numbers=numbers,
    feature_group_count=groups,
  )
  x, w = x.astype(jnp.bfloat16), w.astype(jnp.bfloat16)
  half = _value_and_gradients(conv, x, w)
  exact = _value_and_gradients(
    conv, x.astype(jnp.float32), w.astype(jnp.float32)
  )
  # (The output's gradient is rounded too, hence 2^-7 and not 2^-8.)
  for a, b in zip(half, exact, strict=True):
    assert a.dtype == jnp.bfloat16
    error = jnp.linalg.norm((a.astype(b.dtype) - b).ravel())
    assert error < 2**-7 * jnp.linalg.norm(b.ravel())


def test_a_jaxpr_holds_the_native_convolution():
  x, w, numbers = _problem((6, 6), 6, 6, (3, 3), 6)
  conv = functools.partial(
    convolve.conv_general_dilated,
    window_strides=(1, 1),
    padding='SAME',
    dimension_numbers=numbers,
    feature_group_count=6,
  )
  assert 'conv_general_dilated' in str(jax.make_jaxpr(conv)(x, w))


@pytest.mark.parametrize('shape', [(5, 3), (2, 3, 4, 3)])
def test_matmul_equals_lax_in_value_and_gradients(shape):
  x = jax.random.normal(jax.random.key(0), shape)
  w = jax.random.normal(jax.random.key(1), (3, 7))
  numbers = (((len(shape) - 1,), (0,)), ((), ()))

  def run(product):
    return _value_and_gradients(lambda x, w: product(x, w, numbers), x, w)

  for a, b in zip(
    run(convolve.pointwise.dot_general), run(lax.dot_general), strict=True
  ):
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
  ('shape', 'numbers'),
  [
    ((2, 3, 4), (((2,), (2,)), ((0,), (0,)))),
    ((4, 4), (((1,), (1,)), ((), ()))),
  ],
)
def test_other_products_are_laxs(shape, numbers):
  a = jax.random.normal(jax.random.key(0), shape)
  np.testing.assert_array_equal(
    convolve.pointwise.dot_general(a, a, numbers),
    lax.dot_general(a, a, numbers),
  )
