"""What holds for every data set; a new one is found by itself."""

import json
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import data

NAMES = data.names()
_SEQUENTIAL = ('tiny_shakespeare',)  # parts are runs of the text


@pytest.fixture(params=NAMES)
def case(request, tiny):
  return request.param, tiny(request.param)


def equal(a, b):
  return np.array_equal(a.x, b.x) and np.array_equal(a.y, b.y)


def test_the_promised_sets_are_there():
  promised = {'digits', 'mnist', 'cifar10', 'imagenet'}
  promised |= {'arrays', 'folder', 'text'}
  assert promised <= set(NAMES)


def test_parts_have_the_promised_form(case):
  name, options = case
  loaded = data.load(name, **options)
  assert loaded.name == name
  types = {'image': np.uint8, 'vector': np.float32, 'tokens': np.int32}
  axes = {'image': 3, 'vector': 1, 'tokens': 1}
  assert len(loaded.input_shape) == axes[loaded.kind]
  for part in (loaded.train, loaded.valid, loaded.test):
    assert len(part) == len(part.y) > 0
    assert part.x.dtype == types[loaded.kind]
    assert part.y.dtype == np.int32
    assert part.x.shape[1:] == loaded.input_shape
    assert part.y.min() >= 0
    assert part.y.max() < loaded.classes
    assert part.y.shape in ((len(part),), part.x.shape)


def test_the_seed_fixes_the_split(case):
  name, options = case
  first = data.load(name, seed=1, **options)
  again = data.load(name, seed=1, **options)
  other = data.load(name, seed=2, **options)
  assert equal(first.train, again.train)
  assert equal(first.valid, again.valid)
  assert equal(first.test, again.test)
  assert name in _SEQUENTIAL or not equal(first.valid, other.valid)


def test_test_part_depends_on_nothing_but_the_seed(case):
  name, options = case
  plain = data.load(name, **options)
  other = data.load(name, valid=3, limit=4, **options)
  assert len(other.valid) == 3
  assert len(other.train) == 4
  assert equal(plain.test, other.test)


def test_provenance_is_json_and_names_every_file(case):
  name, options = case
  provenance = data.load(name, **options).provenance
  assert json.loads(json.dumps(provenance)) == provenance
  assert provenance['verified'] in (True, False, None)
  assert provenance['files']
  for file in provenance['files']:
    assert '/' not in file['file']
    assert re.fullmatch('[0-9a-f]{64}', file['sha256'])


def test_prepared_inputs_are_standardised_under_jit_too(case):
  name, options = case
  loaded = data.load(name, **options)
  with jax.numpy_rank_promotion('raise'), jax.numpy_dtype_promotion('strict'):
    x = np.asarray(loaded.train.x)
    eager = loaded.prepare(x)
    jitted = jax.jit(loaded.prepare)(x)
  np.testing.assert_array_equal(eager, jitted)
  assert eager.shape == x.shape
  if loaded.kind == 'tokens':
    assert eager.dtype == jnp.int32
    np.testing.assert_array_equal(eager, loaded.train.x)
    return
  assert eager.dtype == jnp.float32
  channels = np.asarray(eager, np.float64).reshape(-1, eager.shape[-1])
  np.testing.assert_allclose(channels.mean(axis=0), 0, atol=1e-5)
  np.testing.assert_allclose(channels.std(axis=0), 1, rtol=1e-5)


def test_names_import_no_set_and_start_no_device():
  code = (
    'import sys; from effnas import data, learn; data.names();'
    'from jax._src import xla_bridge; assert not xla_bridge._backends;'
    'heavy = {"sklearn", "PIL", "ray", "aqt", "grain"} & set(sys.modules);'
    'assert not heavy, heavy'
  )
  subprocess.run([sys.executable, '-c', code], check=True)
