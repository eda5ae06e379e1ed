"""Peak memory against chains worked out by hand (float32: 4 bytes)."""

from flax import linen
import jax
from jax import lax
import jax.numpy as jnp

from effnas.footprint.program import count, memory


def shape(*dims, dtype=jnp.float32):
  return jax.ShapeDtypeStruct(dims, dtype)


def peak(fn, *args, weights=0):
  return memory.peak(*count.trace(jax.make_jaxpr(fn)(*args), weights))


def test_parameters_are_not_counted():
  # x (2 x 3) and y (2 x 5) while the product runs.
  got = peak(lambda w, x: x @ w, shape(3, 5), shape(2, 3), weights=1)
  assert got == 4 * (6 + 10)


def test_elementwise_chain_is_in_place():
  x = shape(100)
  assert peak(lambda x: jnp.sin(jnp.exp(x) + 1), x) == 400
  assert peak(jax.nn.silu, x) == 400
  assert peak(jax.nn.gelu, x) == 400


def test_straight_through_rounding_is_one_fusion():
  def fn(x):
    real = x / 3
    return real + lax.stop_gradient(jnp.round(real) - real)

  assert peak(fn, shape(100)) == 400


def test_a_softmax_stores_its_exponential():
  # x and exp(x - max) share a buffer; sum and maximum are small.
  assert 400 < peak(jax.nn.softmax, shape(100)) < 420


def test_chain_of_products_keeps_two_neighbours():
  def fn(ws, x):
    for w in ws:
      x = jax.nn.relu(x @ w)
    return x

  ws = [shape(10, 30), shape(30, 40), shape(40, 5)]
  # The pair 30 -> 40 is the widest: 1 x (30 + 40).
  assert peak(fn, ws, shape(1, 10), weights=3) == 4 * 70


def test_residual_holds_the_skip():
  def fn(ws, x):
    return x + jax.nn.relu(x @ ws[0]) @ ws[1]

  ws = [shape(10, 30), shape(30, 10)]
  # x, hidden and result while the second product runs; the sum is in place.
  assert peak(fn, ws, shape(1, 10), weights=2) == 4 * (10 + 30 + 10)
  plain = lambda ws, x: jax.nn.relu(x @ ws[0]) @ ws[1]  # noqa: E731
  assert peak(plain, ws, shape(1, 10), weights=2) == 4 * (30 + 10)


def test_branches_are_held_until_joined():
  def fn(ws, x):
    return jnp.concatenate([x @ w for w in ws], -1)

  # Three branches (8 each) and their concatenation (24); x is dead by then.
  got = peak(fn, [shape(2, 8)] * 3, shape(1, 2), weights=3)
  assert got == 4 * (24 + 24)


def test_outputs_live_to_the_end():
  def fn(x):
    y = jnp.sort(x)
    return y, jnp.sort(y)

  assert peak(fn, shape(10)) == 80
  assert peak(lambda x: (jnp.sort(x), x), shape(10)) == 80
  both = lambda x: (jnp.exp(x), jnp.sin(x))  # noqa: E731
  assert peak(both, shape(10)) == 80


def test_calls_cost_what_their_body_costs():
  def fn(x):
    return jnp.sort(jnp.sort(x) * 2)

  assert peak(jax.jit(jax.checkpoint(fn)), shape(10)) == peak(fn, shape(10))


def test_scan_stores_what_it_stacks():
  def fn(c, xs):
    return lax.scan(lambda c, x: (c + x, c * x), c, xs)

  carried = peak(lambda c, xs: fn(c, xs)[0], shape(4), shape(50, 4))
  stacked = peak(fn, shape(4), shape(50, 4))
  assert stacked >= 4 * 4 * 100  # xs and ys
  assert stacked == peak(fn, shape(4), shape(50, 4))
  assert 4 * 4 * 50 < carried <= stacked


def test_narrow_types_take_less():
  wide = peak(jnp.sort, shape(64))
  assert peak(jnp.sort, shape(64, dtype=jnp.bfloat16)) * 2 == wide
  assert peak(jnp.sort, shape(64, dtype=jnp.int8)) * 4 == wide


def test_normalised_convolution_is_input_and_output():
  class Net(linen.Module):
    @linen.compact
    def __call__(self, x):
      x = linen.Conv(16, (3, 3))(x)
      x = linen.BatchNorm(use_running_average=True)(x)
      return linen.hard_swish(x)

  x = shape(1, 8, 8, 4)
  key = jax.eval_shape(lambda: jax.random.key(0))
  variables = jax.eval_shape(Net().init, key, x)
  leaves = len(jax.tree.leaves(variables))
  got = peak(Net().apply, variables, x, weights=leaves)
  assert got == 4 * 64 * (4 + 16)
