"""How often while loops run, against running them."""

import jax
from jax import lax
import jax.numpy as jnp
import pytest

from effnas import jaxprs
from effnas.footprint.program import count, trips


def total(fn, *args):
  ops = count.count(jax.make_jaxpr(fn)(*args))
  return sum(op.macs for op in ops), count.unknown(ops)


X = jax.ShapeDtypeStruct((4, 4), jnp.float32)
PRODUCT = 64


def loop(test, step, start):
  """A loop over a counter with a product of matrices in each run."""

  def fn(x):
    return lax.while_loop(
      lambda s: test(s[0]), lambda s: (step(s[0]), s[1] @ s[1]), (start, x)
    )

  return fn


@pytest.mark.parametrize(
  ('test', 'step', 'start'),
  [
    (lambda i: i < 5, lambda i: i + 1, 0),
    (lambda i: i <= 5, lambda i: i + 1, 0),
    (lambda i: i < 11, lambda i: i + 3, 1),
    (lambda i: i <= 10, lambda i: 3 + i, 1),
    (lambda i: lax.gt(5, i), lambda i: i + 1, -2),
    (lambda i: i > 0, lambda i: i - 1, 4),
    (lambda i: i >= 0, lambda i: i - 2, 5),
    (lambda i: lax.le(0, i), lambda i: i - 2, 4),
    (lambda i: i != 6, lambda i: i + 2, 0),
    (lambda i: i + 1 < 5, lambda i: i + 1, 0),
    (lambda i: i < 5, lambda i: i + 1, 5),
    (lambda i: i < 5, lambda i: i + 1, 9),
    (lambda i: i < 5.0, lambda i: i + 1.0, 0.0),
    (jax.jit(lambda i: i < 5), jax.jit(lambda i: i + 1), 0),
    (lambda i: i.astype(jnp.int16) < 5, lambda i: i + 1, jnp.int8(2)),
  ],
)
def test_a_counter_and_a_bound_are_followed(test, step, start):
  runs, i = 0, start
  while test(jnp.asarray(i)):
    runs, i = runs + 1, step(i)
  assert total(loop(test, step, start), X) == (runs * PRODUCT, [])


@pytest.mark.parametrize(
  ('test', 'step', 'start'),
  [
    (lambda i: i < 5, lambda i: i * 2, 1),  # not by a fixed step
    (lambda i: i < 5, lambda i: i - 1, 0),  # away from the bound
    (lambda i: i < 5, lambda i: i, 0),
    (lambda i: i != 5, lambda i: i + 2, 0),  # past it
    (lambda i: (i < 5) & (i % 3 < 2), lambda i: i + 1, 0),
    (lambda i: i < 2.5, lambda i: i + 0.5, 0.0),
  ],
)
def test_what_is_not_known_is_named(test, step, start):
  assert total(loop(test, step, start), X) == (PRODUCT, ['while at /'])


def test_a_bound_that_is_an_input_is_not_known():
  def fn(x, n):
    return lax.fori_loop(0, n, lambda _, y: y @ y, x)

  n = jax.ShapeDtypeStruct((), jnp.int32)
  assert total(fn, X, n) == (PRODUCT, ['while at /'])


def test_a_bound_that_comes_through_calls_is_known():
  @jax.jit
  def run(x, n):
    return lax.fori_loop(0, n - 1, lambda _, y: y @ y, x)

  assert total(lambda x: run(x, jnp.int32(5)), X) == (4 * PRODUCT, [])


def test_loops_in_loops_multiply():
  inner = loop(lambda i: i < 3, lambda i: i + 1, 0)

  def fn(x):
    return lax.while_loop(
      lambda s: s[0] < 5, lambda s: (s[0] + 1, inner(s[1])[1]), (0, x)
    )

  assert total(fn, X) == (15 * PRODUCT, [])
  assert total(
    lambda x: lax.scan(lambda c, _: (inner(c)[1], None), x, length=7), X
  ) == (21 * PRODUCT, [])


def test_the_test_runs_once_more_than_the_body():
  def fn(x):
    return lax.while_loop(
      lambda s: s[0] + 0 * (s[1] @ s[1])[0, 0].astype(int) < 5,
      lambda s: (s[0] + 1, s[1]),
      (0, x),
    )

  ops = count.count(jax.make_jaxpr(fn)(X))
  assert sum(op.macs for op in ops) == PRODUCT  # its sum is not followed
  plain = loop(lambda i: i < 5, lambda i: i + 1, 0)
  (less,) = (
    op for op in count.count(jax.make_jaxpr(plain)(X)) if op.primitive == 'lt'
  )
  assert less.times == 6


def test_what_a_loop_or_a_branch_ends_with_is_not_taken_for_known():
  def after_loop(x, n):
    _, end = lax.while_loop(
      lambda s: s[0] < n, lambda s: (s[0] + 1, jnp.int32(7)), (0, jnp.int32(2))
    )
    return lax.fori_loop(0, end, lambda _, y: y @ y, x)

  n = jax.ShapeDtypeStruct((), jnp.int32)
  assert total(after_loop, X, n)[0] == PRODUCT

  def after_branch(x, n):
    end = lax.cond(n > 0, lambda: jnp.int32(3), lambda: jnp.int32(4))
    return lax.fori_loop(0, end, lambda _, y: y @ y, x)

  assert total(after_branch, X, n) == (PRODUCT, ['while at /'])


def test_trips_are_told_from_the_operands():
  eqn = jax.make_jaxpr(loop(lambda i: i < 5, lambda i: i + 1, 0))(X).eqns[-1]
  found = jaxprs.while_loop(eqn)
  assert trips.trips(found, [2, None]) == 3
  assert trips.trips(found, [None, None]) is None
