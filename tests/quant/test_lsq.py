"""A learned step has the paper's gradients, and learns a good step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.quant import fake, lsq

CASES = [(bits, signed) for bits in (2, 3, 4, 8) for signed in (True, False)]
COUNT = 7  # Any: the gradient is divided by its scale in the tests.


def _values(signed):
  x = jax.random.normal(jax.random.key(0), (400,))
  return x if signed else jax.nn.relu(x) + 0.01


def _slopes(x, step, bits, signed):
  """Slope of each value with respect to the step, without its scale."""
  one = jax.grad(lambda s, x: lsq.quantize(x, s, bits, signed, COUNT))
  slopes = jax.vmap(one, (None, 0))(step, x)
  return slopes / lsq.gradient_scale(bits, COUNT, signed)


@pytest.mark.parametrize(('bits', 'signed'), CASES)
def test_gradients_are_the_papers_formula(bits, signed):
  x, step = _values(signed), jnp.float32(0.31)
  n, p = (2 ** (bits - 1), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
  v = np.asarray(x) / 0.31
  inside = (-n < v) & (v < p)
  expected = np.where(inside, np.round(v) - v, np.where(v <= -n, -n, p))
  np.testing.assert_allclose(
    _slopes(x, step, bits, signed), expected, atol=2e-5
  )
  to_x = jax.grad(lambda x: lsq.quantize(x, step, bits, signed).sum())(x)
  np.testing.assert_array_equal(to_x, inside)


@pytest.mark.parametrize(('bits', 'signed'), CASES)
def test_gradients_are_finite_differences_of_what_they_stand_for(bits, signed):
  x, step, h = _values(signed), 0.31, 2**-7
  low, high = (float(limit) for limit in lsq.limits(bits, signed))
  v = np.asarray(x, np.float64) / step

  def value(s):
    # Straight-through: rounding adds what it adds at `step`, for any step.
    added = np.round(v) - v
    real = np.asarray(x, np.float64) / s
    return s * np.where(
      (low < v) & (v < high), real + added, np.clip(real, low, high)
    )

  differences = (value(step + h) - value(step - h)) / (2 * h)
  # Away from where a difference would cross the limits of the codes.
  near = np.minimum(np.abs(v - low), np.abs(v - high)) < 0.1 * np.abs(v)
  slopes = _slopes(x, jnp.float32(step), bits, signed)
  np.testing.assert_allclose(slopes[~near], differences[~near], atol=2e-4)
  # Beyond the limits it is the true slope of the quantized value.
  beyond = ~near & ((v < low) | (v > high))
  true = [
    lsq.quantize(x, jnp.float32(s), bits, signed) for s in (step + h, step - h)
  ]
  true = (true[0] - true[1]) / (2 * h)
  np.testing.assert_allclose(slopes[beyond], true[beyond], rtol=1e-3)


def test_the_gradient_is_scaled_by_the_values_that_share_a_step():
  x = jax.random.normal(jax.random.key(1), (3, 3, 8, 5))
  steps = lsq.initial(x, 4, (0, 1, 2))
  assert steps.shape == (1, 1, 1, 5)

  def loss(steps, count=None):
    return (lsq.quantize(x, steps, 4, count=count) ** 2).sum()

  # 72 weights per channel and a largest code of 7.
  np.testing.assert_allclose(
    jax.grad(loss)(steps), jax.grad(loss)(steps, 1) / 72**0.5, rtol=1e-5
  )
  np.testing.assert_allclose(lsq.gradient_scale(4, 72), (72 * 7) ** -0.5)
  one = jax.grad(lambda s: (lsq.quantize(x[..., 2], s, 4) ** 2).sum())
  np.testing.assert_allclose(
    one(steps[0, 0, 0, 2]), jax.grad(loss)(steps)[0, 0, 0, 2], rtol=1e-4
  )


@pytest.mark.parametrize('signed', [True, False])
def test_values_are_multiples_of_the_step_within_the_limits(signed):
  x, step = _values(signed), jnp.float32(0.25)
  for bits in range(2, 9):
    once = lsq.quantize(x, step, bits, signed)
    codes = once / step
    low, high = lsq.limits(bits, signed)
    np.testing.assert_array_equal(codes, jnp.round(codes))
    assert codes.min() >= low
    assert codes.max() <= high
    np.testing.assert_array_equal(lsq.quantize(once, step, bits, signed), once)
    np.testing.assert_array_equal(
      lsq.quantize(4 * x, 4 * step, bits, signed), 4 * once
    )
    np.testing.assert_allclose(
      lsq.initial(x, bits, signed=signed),
      2 * jnp.abs(x).mean() / high**0.5,
      rtol=1e-5,
    )


def test_traced_bits_equal_static_ones_in_one_program():
  x = _values(signed=True)
  step = jax.jit(
    jax.value_and_grad(
      lambda s, x, bits: (lsq.quantize(x, s, bits) - x**3).mean()
    )
  )
  step = step.lower(jnp.float32(0.1), x, 8).compile()
  for bits in range(2, 9):
    traced = step(jnp.float32(0.1), x, bits)
    static = jax.value_and_grad(
      lambda s, bits=bits: (lsq.quantize(x, s, bits) - x**3).mean()
    )(jnp.float32(0.1))
    np.testing.assert_allclose(traced, static, rtol=1e-5, atol=1e-6)


def test_the_step_learns_to_err_less_than_the_range_does():
  x = jax.random.normal(jax.random.key(2), (4000,))

  def loss(step):
    return jnp.square(lsq.quantize(x, step, 3, count=1) - x).mean()

  @jax.jit
  def learn(step):
    return jax.lax.fori_loop(
      0, 300, lambda _, s: s - 0.05 * jax.grad(loss)(s), step
    )

  learned = learn(3 * lsq.initial(x, 3))
  best = min(float(loss(jnp.float32(s))) for s in np.linspace(0.3, 1, 71))
  assert loss(learned) < 1.1 * best
  assert loss(learned) < 0.7 * jnp.square(fake.dynamic(x, 3) - x).mean()


def test_half_precision_stays_half():
  x = _values(signed=True).astype(jnp.bfloat16)
  step = lsq.initial(x, 4)
  value, gradient = jax.value_and_grad(
    lambda s: lsq.quantize(x, s, 4).astype(jnp.float32).sum()
  )(step)
  assert lsq.quantize(x, step.astype(jnp.float32), 4).dtype == jnp.bfloat16
  assert gradient.dtype == jnp.bfloat16
  assert jnp.isfinite(value)


def test_bad_input_is_one_line():
  for bits in (1, 9, 32):
    with pytest.raises(errors.UserError, match=f'2 to 8 bits; got {bits}'):
      lsq.quantize(jnp.ones(3), jnp.ones(()), bits)
  assert lsq.initial(jnp.zeros(3), 4) == 1
