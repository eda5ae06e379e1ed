"""The roofline: worked out by hand, and monotone where it must be."""

import jax
import jax.numpy as jnp
import pytest

from effnas.footprint.latency import device, roofline
from effnas.footprint.program import count
from effnas.footprint.program import work as work_lib


def shape(*dims, dtype=jnp.float32):
  return jax.ShapeDtypeStruct(dims, dtype)


def work(fn, *args, weights=0):
  return work_lib.work(*count.trace(jax.make_jaxpr(fn)(*args), weights))


def dense(rows, n, m):
  return work(lambda w, x: x @ w, shape(n, m), shape(rows, n), weights=1)


def test_dense_layer_bound_by_memory():
  d = device.load('a100')
  got = roofline.latency(dense(1, 1024, 4096), d)
  moved = 2 * (1024 * 4096 + 1024 + 4096)  # bfloat16
  assert got == pytest.approx(1e3 * moved / 2039e9)


def test_dense_layer_bound_by_compute():
  d = device.load('a100')
  got = roofline.latency(dense(8192, 4096, 4096), d)
  assert got == pytest.approx(1e3 * 2 * 8192 * 4096**2 / 312e12)
  got = roofline.latency(dense(8192, 4096, 4096), d, lambda path: (8, 8))
  assert got == pytest.approx(1e3 * 2 * 8192 * 4096**2 / 624e12)


def test_bits_shrink_what_is_moved():
  d = device.load('tpu_v5e')
  got = roofline.latency(dense(1, 1024, 4096), d, lambda path: (4, 8))
  moved = 1024 * 4096 / 2 + 1024 + 4096
  assert got == pytest.approx(1e3 * moved / 819e9)


def test_bits_without_a_fast_path_earn_nothing():
  d, layer = device.load('tpu_v3'), dense(1, 1024, 4096)
  assert roofline.latency(layer, d, lambda path: (4, 4)) == roofline.latency(
    layer, d
  )


def test_weights_alone_run_at_the_float_rate():
  d, layer = device.load('tpu_v5e'), dense(8192, 4096, 4096)
  alone = roofline.latency(layer, d, lambda path: (8, None))
  assert alone == roofline.latency(layer, d)


def test_cpu_computes_in_float32():
  got = roofline.latency(dense(1, 1024, 4096), device.load('cpu'))
  moved = 4 * (1024 * 4096 + 1024 + 4096)
  assert got == pytest.approx(1e3 * moved / 25.6e9)


@pytest.mark.parametrize('name', device.names())
@pytest.mark.parametrize('size', [(1, 64, 64), (512, 2048, 2048)])
def test_fewer_bits_are_never_slower(name, size):
  d, layer = device.load(name), dense(*size)
  by_bits = [
    roofline.latency(layer, d, bits)
    for bits in (None, lambda p: (8, 8), lambda p: (4, 8), lambda p: (4, 4))
  ]
  assert by_bits == sorted(by_bits, reverse=True)
  assert by_bits[-1] > 0


@pytest.mark.parametrize('name', device.names())
def test_more_macs_take_longer(name):
  d = device.load(name)
  wider = [
    roofline.latency(dense(64, 512, m), d) for m in (64, 512, 4096, 16384)
  ]
  assert wider == sorted(set(wider))
