"""Fake quantization with traced bits is AQT's, and keeps its invariants."""

from aqt.jax.v2 import aqt_quantizer
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, quant
from effnas.quant import aqt, fake

AXES = {'tensor': (0, 1, 2, 3), 'channel': (0, 1, 2), 'example': (1, 2, 3)}
DYNAMIC = {
  'symmetric': lambda x: fake.dynamic(x, 4, (0, 1, 2)),
  'asymmetric': lambda x: fake.dynamic(x, 4, (0, 1, 2), zero_point=True),
  'one bit': lambda x: fake.dynamic(x, 1),
  'by group': lambda x: fake.dynamic(x, 3, (0, 1, 2), group=6),
  'ternary': lambda x: fake.ternary(x, (0, 1, 2)),
  'binary': lambda x: fake.binary(x, (0, 1, 2)),
}


def _kernel(dtype=jnp.float32):
  kernel = jax.random.normal(jax.random.key(0), (3, 3, 8, 20))
  # Exact ties, and a channel of zeros.
  return kernel.at[0, 0, 0].set(0.25).at[..., 0].set(0).astype(dtype)


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize('axes', AXES.values(), ids=AXES)
def test_traced_bits_give_aqts_values_to_the_bit(axes, dtype):
  x = _kernel(dtype)
  ours = jax.jit(lambda x, bits: fake.dynamic(x, bits, axes))
  ours = ours.lower(x, 8).compile()
  for bits in range(1, 9):
    # The quantizer itself also knows one bit, whose codes are halves.
    quantizer = aqt_quantizer.quantizer_make(bits)
    tensor, _ = quantizer.quant(x, calibration_axes=axes)
    theirs = tensor.dequant()
    if bits == 1:  # Where zeros alone share a scale it has no code for them.
      theirs = jnp.where((x == 0).all(axes, keepdims=True), 0, theirs)
    np.testing.assert_array_equal(ours(x, bits), theirs)
    assert ours(x, bits).dtype == dtype


@pytest.mark.parametrize('bits', range(2, 9))
def test_codes_and_scales_are_those_of_our_integer_path(bits):
  x, axes = _kernel(), (0, 1, 2)
  integers, scale = jax.jit(aqt.quantize, static_argnums=(1, 2))(x, bits, axes)
  bound = jnp.abs(x).max(axes, keepdims=True)
  grid = jax.jit(fake.symmetric)(bound, bits)
  np.testing.assert_array_equal(grid.scale, scale)
  np.testing.assert_array_equal(fake.codes(x, grid), integers)


@pytest.mark.parametrize('bits', [1, 2, 4, 8])
@pytest.mark.parametrize('clip', [False, True])
def test_gradients_are_aqts(bits, clip):
  # A scale that is too small: half of the values lie beyond the last code.
  x = jnp.linspace(-2, 2, 101)
  g = jax.random.normal(jax.random.key(1), x.shape)
  grid = fake.symmetric(jnp.float32(1), bits)
  numerics = aqt_quantizer.quantizer_make(bits).numerics
  numerics.clip_gradient = clip
  codes, residuals = numerics.vjp_fwd(x / grid.scale, None)
  codes = codes.astype(x.dtype)
  ours, backward = jax.vjp(lambda x: fake.quantize(x, grid, clip), x)
  np.testing.assert_array_equal(ours, codes * grid.scale)
  np.testing.assert_array_equal(
    backward(g)[0], numerics.vjp_bwd(residuals, g)[0]
  )
  assert (backward(g)[0] == 0).any() == clip


def test_a_range_of_its_own_passes_every_gradient():
  x = _kernel()
  for zero_point in (False, True):
    for group in (0, 9):

      def total(x, zero_point=zero_point, group=group):
        return fake.dynamic(x, 3, (0, 1), group, zero_point).sum()

      assert (jax.grad(total)(x) == 1).all()


def test_candidates_that_differ_in_bits_share_a_program():
  x = jax.random.normal(jax.random.key(1), (16, 8))
  weights = [jax.random.normal(jax.random.key(k), (8, 8)) for k in (2, 3)]

  def loss(weights, bits):
    y = x
    for i, w in enumerate(weights):
      y = fake.dynamic(y, bits[i, 1], (1,), zero_point=True)
      y = jax.nn.relu(y @ fake.dynamic(w, bits[i, 0], (0,)))
    return (y**2).mean()

  rng = np.random.default_rng(0)
  bits = rng.choice([1, 2, 3, 4, 8, 32], (8, 2, 2))
  step = jax.value_and_grad(loss)
  together = jax.jit(jax.vmap(step, (None, 0)))(weights, jnp.asarray(bits))
  for i, one in enumerate(bits):
    static = [[int(b) for b in layer] for layer in one]

    class Static:  # Plain numbers under the same indices.
      def __getitem__(self, index, static=static):
        return static[index[0]][index[1]]

    alone = step(weights, Static())
    for a, b in zip(
      jax.tree.leaves(alone), jax.tree.leaves(together), strict=True
    ):
      np.testing.assert_allclose(a, b[i], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('quantizer', DYNAMIC.values(), ids=DYNAMIC)
def test_scaling_the_array_scales_the_result(quantizer):
  x = _kernel().at[..., 0].set(1.5)
  np.testing.assert_array_equal(quantizer(4 * x), 4 * quantizer(x))
  # Any other factor may round a value on a tie to the other side.
  near = jnp.isclose(quantizer(3.1 * x), 3.1 * quantizer(x), rtol=1e-5)
  assert near.mean() > 0.99


@pytest.mark.parametrize('bits', range(1, 9))
@pytest.mark.parametrize('kind', ['symmetric', 'asymmetric'])
def test_a_grid_is_kept(bits, kind):
  x = jnp.linspace(-3, 3, 2000)
  if kind == 'symmetric':
    grid = fake.symmetric(jnp.float32(1.7), bits)
  else:
    grid = fake.asymmetric(jnp.float32(-0.6), jnp.float32(2.9), bits)
  once = fake.quantize(x, grid)
  np.testing.assert_array_equal(fake.quantize(once, grid), once)
  codes = 2**bits - (kind == 'symmetric' and bits > 1)
  assert len(np.unique(once)) == codes


def test_binary_and_ternary_weights_stay_as_they_are():
  x = _kernel()
  for quantizer in (fake.binary, fake.ternary):
    once = quantizer(x)
    np.testing.assert_allclose(quantizer(once), once, rtol=1e-4)


@pytest.mark.parametrize('zero_point', [False, True])
def test_more_bits_err_less(zero_point):
  x = _kernel()
  error = [
    jnp.square(fake.dynamic(x, bits, zero_point=zero_point) - x).mean()
    for bits in range(1, 9)
  ]
  assert (np.diff(error) < 0).all(), error
  np.testing.assert_array_equal(fake.dynamic(x, 32, zero_point=zero_point), x)


def test_asymmetric_grids_hold_zero_and_both_ends():
  x = jax.nn.relu(jax.random.normal(jax.random.key(3), (999,))) - 0.125
  for bits in range(1, 9):
    grid = fake.asymmetric(x.min(), x.max(), bits)
    assert grid.high - grid.low == 2**bits - 1
    assert fake.quantize(jnp.zeros(()), grid) == 0
    # Beyond half a step only the ends of the range, by their rounding.
    assert jnp.abs(fake.quantize(x, grid) - x).max() <= 0.501 * grid.scale
  skew = jax.nn.relu(x)
  wide, narrow = (
    jnp.square(fake.dynamic(skew, 4, zero_point=z) - skew).mean()
    for z in (False, True)
  )
  assert narrow < 0.4 * wide


def test_groups_are_arrays_of_their_own():
  x = _kernel()
  grouped = fake.dynamic(x, 3, (0, 1, 2), group=12)
  columns = x.reshape(72, 20)
  for start in range(0, 72, 12):
    np.testing.assert_array_equal(
      fake.dynamic(columns[start : start + 12], 3, (0,)),
      grouped.reshape(72, 20)[start : start + 12],
    )
  whole = fake.dynamic(x, 3, (0, 1, 2))
  np.testing.assert_array_equal(fake.dynamic(x, 3, (0, 1, 2), group=72), whole)
  assert jnp.square(grouped - x).mean() < 0.9 * jnp.square(whole - x).mean()
  # Axes in the middle, in any order and from the end.
  np.testing.assert_array_equal(
    fake.dynamic(x, 3, (-2, 1), group=4),
    fake.dynamic(x.reshape(3, 6, 4, 20), 3, (2,)).reshape(x.shape),
  )


def test_ternary_and_binary_scales_are_the_best_for_their_signs():
  x = jax.random.normal(jax.random.key(4), (500,))
  for quantizer in (fake.ternary, fake.binary):
    q = quantizer(x)
    magnitude = jnp.abs(q).max()
    error = [jnp.square(x - f * q).sum() for f in (0.99, 1, 1.01)]
    assert error[1] == min(error)
    assert set(np.unique(q / magnitude)) <= {-1.0, 0.0, 1.0}
  dropped = jnp.abs(x)[fake.ternary(x) == 0]
  assert 0.68 < jnp.abs(dropped).max() / jnp.abs(x).mean() <= 0.7
  assert fake.binary(jnp.array([0.0, -4.0])).tolist() == [2.0, -2.0]
  assert (jax.grad(lambda x: fake.ternary(x).sum())(x) == 1).all()


def test_the_binary_gradient_is_the_papers():
  x = jnp.array([[-3.0, 0.5], [1.0, -0.2], [0.1, 2.0]])
  g = jax.random.normal(jax.random.key(5), x.shape)
  _, backward = jax.vjp(lambda x: fake.binary(x, (0,)), x)
  scale = jnp.abs(x).mean(0)
  expected = g * (1 / 3 + scale * jnp.array([[0, 1], [1, 1], [1, 0]]))
  np.testing.assert_allclose(backward(g)[0], expected, rtol=1e-6)


def test_thirty_two_bits_leave_values_and_gradients():
  x = _kernel()
  step = jax.jit(
    jax.value_and_grad(
      lambda x, bits: (
        fake.quantize(x, fake.symmetric(jnp.float32(0.1), bits)) ** 2
      ).sum()
    )
  )
  value, gradient = step(x, 32)
  np.testing.assert_allclose(value, (x**2).sum(), rtol=1e-6)
  np.testing.assert_array_equal(gradient, 2 * x)
  assert step(x, 8)[0] < 0.1 * value


def test_bad_input_is_one_line():
  assert fake._FLOAT == quant.FLOAT
  x = _kernel()
  for bits in (0, 9, 16, np.int64(31)):
    with pytest.raises(errors.UserError, match='1 to 8, or 32'):
      fake.dynamic(x, bits)
  with pytest.raises(errors.UserError, match=r'the 72 values .* got 5'):
    fake.dynamic(x, 4, (0, 1, 2), group=5)
