"""The weights file: round trips, exact sizes, damage."""

from hypothesis import given, settings
from hypothesis import strategies as st
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from safetensors import numpy as safetensors_numpy

from effnas import errors
from effnas.footprint import weights

DTYPES = [
  'float32',
  'bfloat16',
  'float16',
  'int8',
  'int4',
  'uint4',
  'int2',
  'uint2',
  'int1',
  'uint1',
  'int32',
  'uint8',
  'bool',
  'float8_e4m3fn',
  'float8_e5m2',
]


def array(dtype, shape, seed=0):
  rng = np.random.default_rng(seed)
  dtype = np.dtype(getattr(ml_dtypes, dtype, dtype))
  low, high = {
    'bool': (0, 2),
    'uint1': (0, 2),
    'uint2': (0, 4),
    'uint4': (0, 16),
    'uint8': (0, 256),
    'int1': (-1, 1),
    'int2': (-2, 2),
  }.get(dtype.name, (-8, 8))
  return rng.integers(low, high, shape).astype(dtype)


def tree_equal(a, b):
  flat_a, flat_b = map(jax.tree_util.tree_flatten_with_path, (a, b))
  assert flat_a[1] == flat_b[1]
  for (path, x), (_, y) in zip(flat_a[0], flat_b[0], strict=True):
    assert (x.dtype, x.shape) == (y.dtype, y.shape), path
    np.testing.assert_array_equal(x, y)


leaves = st.tuples(
  st.sampled_from(DTYPES),
  st.lists(st.integers(0, 5), max_size=3).map(tuple),
  st.integers(0, 99),
).map(lambda a: array(*a))
names = st.text(
  st.characters(blacklist_characters='/', blacklist_categories=['Cs']),
  min_size=1,
  max_size=4,
)
trees = st.dictionaries(
  names, st.dictionaries(names, leaves, min_size=1, max_size=3), max_size=3
)


@settings(max_examples=60, deadline=None)
@given(trees)
def test_round_trip_and_size(variables):
  data = weights.serialize(variables)
  tree_equal(weights.deserialize(data), variables)
  shapes = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), variables
  )
  assert weights.size_bytes(shapes) == weights.size_bytes(variables)
  assert weights.size_bytes(shapes) == len(data)


@pytest.mark.parametrize('shape', [(), (1,), (3, 3), (5, 7, 3), (0,)])
def test_int4_of_odd_size(shape):
  variables = {'params': {'kernel': jnp.asarray(array('int4', shape))}}
  data = weights.serialize(variables)
  tree_equal(
    weights.deserialize(data),
    {'params': {'kernel': np.asarray(variables['params']['kernel'])}},
  )


@pytest.mark.parametrize(
  ('dtype', 'number'), [('int4', 2), ('int2', 4), ('uint2', 4), ('bool', 8)]
)
def test_so_many_go_to_a_byte(dtype, number):
  def size(dtype):
    return weights.size_bytes(
      {'params': {'kernel': jax.ShapeDtypeStruct((1000, 1001), dtype)}}
    )

  assert abs(number * size(jnp.dtype(dtype)) - size(jnp.int8)) < 1500
  assert size(jnp.int8) > 1_001_000


def test_booleans_of_other_programs_are_read():
  file = safetensors_numpy.save({'mask': np.array([True, False, True])})
  assert weights.deserialize(file)['mask'].tolist() == [True, False, True]


def test_the_format_is_safetensors():
  variables = {'params': {'a': {'kernel': array('float32', (2, 3))}}}
  loaded = safetensors_numpy.load(weights.serialize(variables))
  assert list(loaded) == ['params/a/kernel']
  np.testing.assert_array_equal(
    loaded['params/a/kernel'], variables['params']['a']['kernel']
  )


def test_equal_variables_give_equal_bytes():
  a, b = array('int4', (3,)), array('float32', (2,))
  one = weights.serialize({'quant': {'s': b}, 'params': {'k': a, 'b': b}})
  two = weights.serialize({'params': {'b': b, 'k': a}, 'quant': {'s': b}})
  assert one == two


@pytest.mark.parametrize(
  'damage',
  [
    lambda d: d[:-1],
    lambda d: d[:5],
    lambda d: b'',
    lambda d: b'\xff' * len(d),
    lambda d: d.replace(b'F32', b'Q32'),
    lambda d: d.replace(b'int4', b'int9'),
    lambda d: d.replace(b'[3, 3]', b'[9, 3]'),
    lambda d: d.replace(b'[3, 3]', b'"3x3" '),
  ],
)
def test_damage_is_refused(damage):
  data = weights.serialize(
    {'params': {'a': array('float32', (2,)), 'b': array('int4', (3, 3))}}
  )
  weights.deserialize(data)
  assert damage(data) != data
  with pytest.raises(errors.UserError, match='not a weights file'):
    weights.deserialize(damage(data))


@pytest.mark.parametrize(
  'variables',
  [
    {'a/b': np.zeros(3)},
    {'': np.zeros(3)},
    {'a': np.zeros(3, 'complex128')},
    {'a': 3.0},
  ],
)
def test_what_has_no_place_is_refused(variables):
  with pytest.raises(errors.UserError):
    weights.serialize(variables)
