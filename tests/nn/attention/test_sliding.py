"""Sliding attention is softmax under a band, at the cost of the band."""

import jax
import numpy as np
import plain_attention as plain
import pytest

from effnas import errors
from effnas.nn.attention import sliding

LENGTHS = [1, 4, 8, 13]


def _band(length, size, causal):
  distance = np.arange(length)[:, None] - np.arange(length)
  return (distance <= size) & (distance >= (0 if causal else -size))


@pytest.mark.parametrize('causal', [False, True])
@pytest.mark.parametrize('size', [1, 4, 7])
def test_it_equals_softmax_under_a_mask_at_all_lengths(size, causal):
  @jax.jit
  def attend(*x):
    return sliding.sliding_attention(*x, size, causal=causal)

  for length in LENGTHS:
    q, k, v = plain.draw(length, groups=2, values=6)
    np.testing.assert_allclose(
      attend(q, k, v),
      plain.softmax(q, k, v, _band(length, size, causal)),
      atol=1e-5,
      err_msg=f'length {length}',
    )


@pytest.mark.parametrize('causal', [False, True])
def test_its_gradients_are_those_of_softmax_under_a_mask(causal):
  q, k, v = plain.draw(13)
  mask = _band(13, 4, causal)[None, None]

  def banded(*x):
    return sliding.sliding_attention(*x, 4, causal=causal)

  def masked(*x):
    return jax.nn.dot_product_attention(*x, mask=mask)

  for ours, theirs in zip(
    _gradients(banded, q, k, v), _gradients(masked, q, k, v), strict=True
  ):
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def _gradients(attention, *x):
  def loss(*x):
    return (attention(*x) ** 3).sum()

  return jax.jit(jax.grad(loss, (0, 1, 2)))(*x)


@pytest.mark.parametrize('causal', [False, True])
def test_memory_grows_with_the_length_and_not_its_square(causal):
  def loss(*x):
    return sliding.sliding_attention(*x, 16, causal=causal).sum()

  def nbytes(length):
    x = [jax.ShapeDtypeStruct((1, length, 2, 8), np.float32)] * 3
    compiled = jax.jit(jax.grad(loss, (0, 1, 2))).lower(*x).compile()
    return compiled.memory_analysis().temp_size_in_bytes

  assert nbytes(2048) < 2.2 * nbytes(1024)


def test_a_size_below_one_is_an_error():
  with pytest.raises(errors.UserError, match='at least 1; got 0'):
    sliding.sliding_attention(*plain.draw(), 0)
