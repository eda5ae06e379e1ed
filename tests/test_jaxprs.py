"""The view of programs: what a loop, a call and a choice are made of."""

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import jaxprs

X = jnp.arange(4.0)


def equation(name, fn, *args):
  (found,) = (
    eqn
    for eqn in jaxprs.read(jax.make_jaxpr(fn)(*args)).equations
    if jaxprs.name(eqn) == name
  )
  return found


def test_a_scan_s_operands_are_told_apart():
  def fn(a, b, xs):
    def body(carry, slices):
      first, second = carry
      carry = first + a * slices[0], second + 1
      return carry, (first * b, slices[1], second)

    return lax.scan(body, (a, b), xs)

  eqn = equation('scan', fn, X, X, (jnp.ones((7, 4)), jnp.ones((7, 2))))
  scan = jaxprs.scan(eqn)
  assert (scan.length, scan.consts, scan.carries) == (7, 2, 2)
  shapes = [jaxprs.shape(v) for v in jaxprs.read(scan.body).inputs]
  assert shapes == [(4,)] * 4 + [(4,), (2,)]
  assert jaxprs.while_loop(eqn) is None


def test_a_scan_s_operands_in_a_gradient():
  def fn(a, xs):
    return lax.scan(lambda c, x: (c * a + x, None), a, xs)[0].sum()

  program = jaxprs.read(jax.make_jaxpr(jax.grad(fn))(X, jnp.ones((3, 4))))
  scans = [s for eqn in program.equations if (s := jaxprs.scan(eqn))]
  assert [s.length for s in scans] == [3, 3]
  for eqn, scan in zip(
    [e for e in program.equations if jaxprs.scan(e)], scans, strict=True
  ):
    inputs = jaxprs.read(scan.body).inputs
    rest = eqn.invars[scan.consts + scan.carries :]
    assert len(inputs) == len(eqn.invars)
    assert all(jaxprs.shape(v)[0] == 3 for v in rest)
    before, after = inputs[scan.consts :], jaxprs.read(scan.body).outputs
    for a, b in list(zip(before, after, strict=False))[: scan.carries]:
      assert jaxprs.shape(a) == jaxprs.shape(b)


def test_a_while_loop_s_operands_are_told_apart():
  def fn(x, low, high, step):
    return lax.while_loop(
      lambda y: (y.sum() < high) & (y.sum() > low), lambda y: y + step, x
    )

  loop = jaxprs.while_loop(equation('while', fn, X, 0.0, 9.0, 1.0))
  assert (loop.tests, loop.consts) == (2, 1)
  assert len(jaxprs.read(loop.test).inputs) == 3
  assert len(jaxprs.read(loop.body).inputs) == 2


def _with_jvp(fn):
  made = jax.custom_jvp(fn)
  made.defjvp(lambda primals, tangents: (fn(*primals), *tangents))
  return made


@pytest.mark.parametrize(
  ('name', 'wrap'),
  [
    ('jit', jax.jit),
    ('remat2', jax.checkpoint),
    ('custom_jvp_call', _with_jvp),
  ],
)
def test_calls_hold_a_program(name, wrap):
  eqn = equation(name, wrap(jnp.sin), X)
  (inner,) = jaxprs.read(jaxprs.called(eqn)).equations
  assert jaxprs.name(inner) == 'sin'
  assert jaxprs.called(inner) is None
  assert jaxprs.branches(inner) == ()


def test_of_branches_by_platform_the_one_for_any_counts():
  def fn(x):
    return lax.platform_dependent(x, cpu=jnp.sin, default=jnp.cos)

  eqn = equation('cond', fn, X)
  (branch,) = jaxprs.branches(eqn)
  assert [jaxprs.name(e) for e in jaxprs.read(branch).equations] == ['cos']
  assert jaxprs.by_platform(eqn) == (('cpu',), None)
  plain = equation('cond', lambda x: lax.cond(x[0] > 0, jnp.sin, jnp.cos, x), X)
  assert len(jaxprs.branches(plain)) == 2
  assert jaxprs.by_platform(plain) == ()


def test_constants_come_with_their_values():
  known = np.arange(4.0)
  program = jaxprs.read(jax.make_jaxpr(lambda x: x + jnp.asarray(known))(X))
  ((_, value),) = program.constants
  assert np.array_equal(value, known)
  assert len(program.inputs) == 1


def test_a_program_computed_step_by_step_is_the_function():
  def fn(x):
    y, _ = lax.scan(lambda c, t: (c * t, None), x, jnp.ones((2, 4)) * 2)
    return jnp.split(y, 2) + [jax.nn.relu(y) + 1]

  program = jaxprs.read(jax.make_jaxpr(fn)(X))
  known = dict(zip(program.inputs, [X], strict=True)) | dict(program.constants)
  for eqn in program.equations:
    ins = [v.val if jaxprs.is_literal(v) else known[v] for v in eqn.invars]
    outs = jaxprs.run(eqn, ins)
    known.update(zip(eqn.outvars, outs, strict=True))
  for got, want in zip(program.outputs, fn(X), strict=True):
    assert np.array_equal(known[got], want)


def test_a_part_of_a_program_is_a_function_of_what_it_reads():
  table = jnp.arange(4.0)
  jaxpr = jax.make_jaxpr(lambda x: jnp.sin(x * table) + x)(X)
  program = jaxprs.read(jaxpr)
  first, second, _ = program.equations
  reads = [program.inputs[0], program.constants[0][0]]
  part = jaxprs.function(jaxpr, [first, second], reads, second.outvars)
  (got,) = jax.jit(part)(X, table)
  assert np.allclose(got, np.sin(np.asarray(X) * table))
