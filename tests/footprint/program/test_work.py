"""What operations cost: what is read, what is written, and in which class."""

import jax
import jax.numpy as jnp

from effnas.footprint.program import count
from effnas.footprint.program import work as work_lib


def shape(*dims, dtype=jnp.float32):
  return jax.ShapeDtypeStruct(dims, dtype)


def work(fn, *args, weights=0):
  return work_lib.work(*count.trace(jax.make_jaxpr(fn)(*args), weights))


def test_elementwise_is_fused_and_a_skip_is_read():
  w, x = shape(32, 32), shape(8, 32)
  plain = work(lambda w, x: x @ w, w, x, weights=1)
  active = work(lambda w, x: jax.nn.silu(x @ w + 1), w, x, weights=1)
  skip = work(lambda w, x: jax.nn.silu(x @ w) + x, w, x, weights=1)
  assert sum(i.activations for i in plain) == 2 * 8 * 32
  assert sum(i.activations for i in active) == 2 * 8 * 32
  assert [i for i in active if i.macs] == list(plain)
  assert sum(i.activations for i in skip) == 3 * 8 * 32


def test_a_softmax_is_two_passes():
  listed = work(jax.nn.softmax, shape(8, 128))
  moved = sum(i.activations for i in listed)
  assert 2 * 8 * 128 <= moved <= 2 * 8 * 128 + 4 * 8
  assert not any(i.macs for i in listed)


def test_loops_are_charged_each_time():
  def fn(w, x):
    return jax.lax.scan(lambda c, k: (c @ k, None), x, w)[0]

  once = work(lambda w, x: x @ w, shape(32, 32), shape(8, 32), weights=1)
  looped = work(fn, shape(5, 32, 32), shape(8, 32), weights=1)
  assert [(i.macs, i.weights) for i in looped if i.macs] == [
    (5 * once[0].macs, 5 * once[0].weights)
  ]


def test_a_lookup_reads_rows_not_the_table():
  listed = work(
    lambda t, i: t[i], shape(50_000, 16), shape(4, dtype=jnp.int32), weights=1
  )
  assert sum(i.activations + i.weights for i in listed) <= 2 * 4 * 16


def test_products_are_told_apart():
  x = shape(2, 8, 8, 6)

  def conv(w, x, groups=1):
    return jax.lax.conv_general_dilated(
      x,
      w,
      (1, 1),
      'SAME',
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
      feature_group_count=groups,
    )

  def kind(fn, *args, weights=1):
    (only,) = work(fn, *args, weights=weights)
    return only.kind

  assert kind(conv, shape(3, 3, 6, 4), x) == 'conv'
  assert kind(conv, shape(1, 1, 6, 4), x) == 'pointwise'
  assert kind(conv, shape(1, 1, 6, 4), shape(2, 1, 1, 6)) == 'dense'
  assert kind(lambda w, x: conv(w, x, 2), shape(3, 3, 3, 4), x) == 'grouped'
  assert kind(lambda w, x: conv(w, x, 6), shape(3, 3, 1, 6), x) == 'depthwise'
  assert kind(lambda w, x: x @ w, shape(6, 4), shape(2, 9, 6)) == 'pointwise'
  assert kind(lambda w, x: x @ w, shape(6, 4), shape(2, 6)) == 'dense'
  assert kind(jnp.matmul, shape(2, 9, 6), shape(2, 6, 9), weights=0) == 'matmul'


def test_elementwise_operations_and_launches_count():
  listed = work(lambda x: jnp.tanh(x) * 2 + 1, shape(8, 16))
  assert sum(i.operations for i in listed) == 3 * 8 * 16
  assert sum(i.writes for i in listed) == 8 * 16
  assert sum(i.launches for i in listed) == 1
