"""Batched footprints: exactly those of the networks measured one by one."""

from flax import linen
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, footprint, zoo
from effnas import space as sp

TARGETS = ('cpu', 'tpu_v5e')
SHAPE = (16, 16, 3)


def _same(space, archs, shape, **settings):
  """Compares a batched footprint with single ones, to the last digit."""
  found = footprint.batch(space, archs, shape, targets=TARGETS, **settings)
  for i, arch in enumerate(archs):
    net = space.build(arch)['model']
    one = footprint.measure(net, shape, targets=TARGETS, **settings)
    assert {name: values[i].item() for name, values in found.items()} == one


def _small(name):
  """A space of the zoo in small: what it takes, and archs."""
  arguments = {
    'accel_nasbench': {'classes': 10, 'stem_stride': 1, 'width': 0.25},
    'hw_gpt': {'classes': 10},
  }
  space = sp.load(zoo.spaces()[name], **arguments.get(name, {}))
  return space, zoo.takes(name)


# Chains, chains with layers left out, and networks that are none.
@pytest.mark.parametrize(
  'name',
  [
    pytest.param('accel_nasbench', marks=pytest.mark.slow),
    'hw_gpt',
    'nasbench_macro',
    'survey_cnn',
  ],
)
def test_batched_is_single(name):
  space, takes = _small(name)
  rng = np.random.default_rng(0)
  shape = (32,) if takes.dtype == 'int32' else SHAPE
  archs = [space.sample(rng) for _ in range(2)]
  _same(space, [*archs, archs[0]], shape, input_dtype=takes.dtype, batch=2)


@pytest.mark.slow
@pytest.mark.parametrize('name', zoo.spaces())
def test_batched_is_single_in_every_space(name):
  space, takes = sp.load(zoo.spaces()[name]), zoo.takes(name)
  rng = np.random.default_rng(1)
  archs = [space.sample(rng) for _ in range(4)]
  for settings in ({}, {'batch': 3}, {'bits': lambda path: (8, 8)}):
    _same(space, archs, takes.shape, input_dtype=takes.dtype, **settings)


def _dense():
  return sp.Space(
    {'model': linen.Dense(sp.oneof(3, 5)), 'lr': sp.uniform(0, 1)}
  )


def test_the_order_is_that_of_the_archs():
  archs = [{'model.features': f, 'lr': 0.5} for f in (5, 3, 5)]
  found = footprint.batch(_dense(), iter(archs), (7,))
  assert found['macs'].tolist() == [35, 21, 35]
  assert found['macs'].dtype == np.int64


def test_metrics_to_choose():
  arch = {'model.features': 3, 'lr': 0.5}
  names = ['params', 'macs', 'size_bytes', 'peak_memory_bytes']
  found = footprint.batch(_dense(), [arch], (7,), targets=['cpu'])
  assert sorted(found) == sorted([*names, 'latency_ms@cpu'])
  lean = footprint.batch(_dense(), [arch], (7,), sizes=False)
  assert sorted(lean) == sorted({*names} - {'size_bytes'})
  none = footprint.batch(_dense(), [], (7,), targets=['cpu'])
  assert {name: len(values) for name, values in none.items()} == dict.fromkeys(
    found, 0
  )


@pytest.mark.parametrize(
  ('tree', 'arch', 'shape', 'said'),
  [
    (linen.Dense(sp.oneof(3, 5)), {'features': 4}, (7,), "'features' is 4"),
    (linen.Dense(sp.oneof(3, 5)), {'features': 3}, (0,), 'positive'),
    ({'net': sp.oneof(3, 5)}, {'net': 3}, (7,), 'under "model"'),
  ],
)
def test_bad_input_is_refused(tree, arch, shape, said):
  with pytest.raises(errors.UserError, match=said):
    footprint.batch(sp.Space(tree), [arch], shape)


class _Spectrum(linen.Module):
  features: int

  @linen.compact
  def __call__(self, x):
    return jnp.abs(jnp.fft.fft(linen.Dense(self.features)(x)))


def test_sources_say_what_is_not_counted():
  space = sp.Space(_Spectrum(sp.oneof(3, 5)))
  found = footprint.batch(
    space, [{'features': 3}], (7,), targets=['cpu'], sources=True
  )
  one = footprint.sources(_Spectrum(3), (7,), targets=['cpu'])
  (said,) = found['source of latency_ms@cpu']
  assert said == one['latency_ms@cpu']
  assert 'a lower bound without all of fft' in said
