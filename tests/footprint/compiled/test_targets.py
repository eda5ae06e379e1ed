"""Real compilers for devices that are not here, where they are installed."""

import concurrent.futures
import importlib.metadata

from flax import linen
import jax
import jax.numpy as jnp
import pytest

from effnas import errors, footprint, quant, zoo
from effnas.footprint import compiled
from effnas.footprint.compiled import target
from effnas.footprint.latency import device
from effnas.nn import rewrite

SHAPE = (32, 32, 16)


class Net(linen.Module):
  @linen.compact
  def __call__(self, x):
    for features in (64, 128):
      x = linen.relu(linen.Conv(features, (3, 3))(x))
    return linen.Dense(10)(x.mean((1, 2)))


def installed(name):
  """Skips, with the reason, where a target's compiler is not installed."""
  try:
    target.plan(name)
  except errors.UserError as e:
    pytest.skip(str(e))


def bytes_of(net, shape):
  leaves = jax.tree.leaves(rewrite.abstract_variables(net, shape))
  return sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)


REMOTE = [name for name in compiled.names() if name != 'cpu']


@pytest.mark.slow
@pytest.mark.parametrize('name', REMOTE)
def test_memory_grows_with_the_batch(name, tmp_path):
  installed(name)

  class Wide(linen.Module):
    @linen.compact
    def __call__(self, x):
      x = linen.Dense(2048)(x)
      # The first example waits for the last: all of them must be there.
      return linen.Dense(10)(x + x[::-1])

  one, more = (
    compiled.compile_for(Wide(), (64,), name, batch, cache_folder=tmp_path)
    for batch in (1, 2**17)
  )
  least = bytes_of(Wide(), (64,))
  # A target pads what it keeps, so bytes are those of the shapes or more.
  assert least + 4 * 64 <= one.argument_bytes < 2 * (least + 4 * 64)
  assert least + 2**17 * 4 * 64 <= more.argument_bytes
  assert more.output_bytes >= 2**17 * 4 * 10
  # The wide layer's activations in 16 bits, less a TPU's on-chip memory.
  assert more.temporary_bytes - one.temporary_bytes > 2**17 * 2 * 2048 - 2**27
  assert one.fits
  assert more.total_bytes < more.memory_bytes == device.load(name).memory_bytes
  if device.load(name).kind == 'tpu':
    assert more.code_bytes > 0
    assert more.flops > 1000 * one.flops > 0
    assert more.bytes_accessed > one.bytes_accessed > 0
  else:
    assert (more.code_bytes, more.flops, more.bytes_accessed) == (None,) * 3


@pytest.mark.slow
@pytest.mark.parametrize('name', ['tpu_v2', 'tpu_v6e', 'a100'])
def test_half_the_bits_take_half_the_arguments(name, tmp_path):
  installed(name)
  net = linen.Dense(1024, use_bias=False)
  full, half = (
    compiled.compile_for(
      net, (2048,), name, 8, float_format=form, cache_folder=tmp_path
    )
    for form in (None, 'bfloat16')
  )
  assert half.argument_bytes == pytest.approx(full.argument_bytes / 2, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize('name', ['tpu_v3', 'tpu_v5e', 'h100'])
def test_the_converted_integer_network(name, tmp_path):
  installed(name)
  net = rewrite.Rewritten(Net(), quant.rules(weights=8, activations=8))
  variables = jax.eval_shape(
    lambda v: quant.convert(net, v, SHAPE)[1],
    rewrite.abstract_variables(net, SHAPE),
  )
  found = compiled.compile_for(
    quant.serving(net), SHAPE, name, variables=variables, cache_folder=tmp_path
  )
  plain = compiled.compile_for(Net(), SHAPE, name, cache_folder=tmp_path)
  assert found.argument_bytes < 0.6 * plain.argument_bytes


@pytest.mark.slow
@pytest.mark.parametrize('name', ['tpu_v2', 'tpu_v3', 'tpu_v5e', 'a100'])
def test_too_large_for_the_device(name, tmp_path):
  installed(name)

  class Large(linen.Module):
    @linen.compact
    def __call__(self, x):
      # Sorted along each axis in turn, so that all of it must be there.
      return jnp.sort(jnp.sort(x[..., None] * jnp.arange(1.0, 8193), 1), 2)

  batch = 2**17
  found = compiled.compile_for(
    Large(), (128,), name, batch, cache_folder=tmp_path
  )
  assert not found.fits
  if device.load(name).kind == 'tpu':
    assert found.total_bytes is None
    assert 'RESOURCE_EXHAUSTED' in found.refused


@pytest.mark.slow
@pytest.mark.parametrize('name', ['a100', 'tpu_v3'])
def test_a_whole_network(name, tmp_path):
  installed(name)
  network = zoo.load('mobilenet_v2')
  net, shape = rewrite.Rewritten(network.build()), network.input_shape
  # Triton's default tiles for a100 do not fit its products at batch 64.
  found = compiled.compile_for(net, shape, name, 64, cache_folder=tmp_path)
  least = bytes_of(net, shape) + 64 * 4 * 224 * 224 * 3
  assert least <= found.argument_bytes < 1.2 * least
  peak = footprint.measure(net, shape, batch=64)['peak_memory_bytes']
  # Activations that are kept as they are counted, but in 16 bits on TPUs.
  assert peak / 2 - least < found.temporary_bytes < 2 * peak
  assert found.fits


@pytest.mark.slow
def test_two_compilers_at_once(tmp_path):
  installed('tpu_v5e')

  def ask(name):
    return compiled.compile_for(Net(), SHAPE, name, cache_folder=tmp_path)

  with concurrent.futures.ThreadPoolExecutor(2) as pool:
    found = list(pool.map(ask, ['tpu_v5e', 'tpu_v2']))
  assert [f.target for f in found] == ['tpu_v5e', 'tpu_v2']


@pytest.mark.slow
def test_the_version_is_the_packages(tmp_path):
  installed('tpu_v5e')
  found = compiled.compile_for(
    linen.Dense(8), (8,), 'tpu_v5e', cache_folder=tmp_path
  )
  version = importlib.metadata.version('libtpu')
  assert found.compiler == f'libtpu {version}'
