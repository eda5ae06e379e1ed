"""Linear attention is its quadratic form, in either direction."""

import jax
import jax.numpy as jnp
import numpy as np
import plain_attention as plain
import pytest

from effnas import errors
from effnas.nn.attention import linear


def _quadratic(q, k, v, causal=False):
  """The weights of Katharopoulos et al. by their definition."""

  def feature(x):
    return np.where(x > 0, np.float64(x) + 1, np.exp(np.float64(x)))

  k = np.repeat(k, q.shape[2] // k.shape[2], axis=2)
  weights = np.einsum('bthm,bshm->bhts', feature(q), feature(k))
  return plain.weighted(np.tril(weights) if causal else weights, v)


@pytest.mark.parametrize('groups', [1, 2, 4])
@pytest.mark.parametrize('causal', [False, True])
def test_it_equals_its_quadratic_form_at_all_lengths(causal, groups):
  mixer = linear.Linear(causal=causal, chunk=4)
  attend = jax.jit(lambda *x: mixer.apply({}, *x, (x[0].shape[1],)))
  for length in (1, 4, 5, 12):
    q, k, v = plain.draw(length, groups=groups, values=6)
    np.testing.assert_allclose(
      attend(q, k, v),
      _quadratic(q, k, v, causal),
      atol=1e-5,
      err_msg=f'length {length}',
    )


@pytest.mark.parametrize('causal', [False, True])
def test_its_gradients_are_those_of_the_quadratic_form(causal):
  q, k, v = plain.draw(11)
  mixer = linear.Linear(causal=causal, chunk=4)

  def ours(*x):
    return (mixer.apply({}, *x, (11,)) ** 3).sum()

  def quadratic(q, k, v):
    q, k = jax.nn.elu(q) + 1, jax.nn.elu(k) + 1
    weights = jnp.einsum('bthm,bshm->bhts', q, k)
    weights = jnp.tril(weights) if causal else weights
    weights /= weights.sum(-1, keepdims=True)
    return (jnp.einsum('bhts,bshe->bthe', weights, v) ** 3).sum()

  for a, b in zip(
    jax.jit(jax.grad(ours, (0, 1, 2)))(q, k, v),
    jax.jit(jax.grad(quadratic, (0, 1, 2)))(q, k, v),
    strict=True,
  ):
    np.testing.assert_allclose(a, b, atol=2e-5)


@pytest.mark.parametrize('causal', [False, True])
@pytest.mark.parametrize('shift', [-80, 80])
def test_features_far_out_of_range_cancel(causal, shift):
  q, k, v = plain.draw(11)

  @jax.jit
  def attend(q, k):
    return linear.kernel_attention(q, k, v, causal=causal, chunk=4)

  def total(q, k):
    return (attend(q, k) ** 2).sum()

  np.testing.assert_allclose(
    attend(q + shift, k + 2 * shift), attend(q, k), atol=1e-4
  )
  for gradient in jax.jit(jax.grad(total, (0, 1)))(q + shift, k + 2 * shift):
    assert jnp.isfinite(gradient).all()
    assert jnp.abs(gradient).max() > 1e-3


def test_not_a_bit_of_the_future_shows():
  q, k, v = plain.draw(11)
  far = k.at[:, 6:].add(200)  # Would leave nothing of smaller features.

  @jax.jit
  def attend(k):
    return linear.kernel_attention(q, k, v, causal=True, chunk=4)

  assert (attend(far)[:, :6] == attend(k)[:, :6]).all()
  assert (attend(far)[:, 6:] != attend(k)[:, 6:]).any()


@pytest.mark.parametrize('causal', [False, True])
def test_memory_grows_with_the_length_and_not_its_square(causal):
  mixer = linear.Linear(causal=causal, chunk=16)

  def nbytes(length):
    def loss(*x):
      return mixer.apply({}, *x, (length,)).sum()

    x = [jax.ShapeDtypeStruct((1, length, 2, 8), np.float32)] * 3
    compiled = jax.jit(jax.grad(loss, (0, 1, 2))).lower(*x).compile()
    return compiled.memory_analysis().temp_size_in_bytes

  assert nbytes(2048) < 2.2 * nbytes(1024)


def test_a_chunk_below_one_is_an_error():
  with pytest.raises(errors.UserError, match='chunk must be at least 1; got 0'):
    linear.kernel_attention(*plain.draw(), causal=True, chunk=0)
