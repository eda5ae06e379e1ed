"""What is packed, written and read comes back, as large as was promised."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas.compress import pruning, storage
from effnas.compress.clustering import codebooks
from effnas.footprint import weights

DTYPES = ('float32', 'bfloat16', 'int8', 'int4', 'int2', 'int1')


def _same(variables, other):
  """Equal to the bit, dtypes and names too."""
  assert jax.tree.structure(variables) == jax.tree.structure(other)
  leaves = (map(np.asarray, jax.tree.leaves(x)) for x in (variables, other))
  for one, two in zip(*leaves, strict=True):
    assert (one.dtype, one.shape) == (two.dtype, two.shape)
    assert one.tobytes() == two.tobytes()


def _written(stored):
  data = weights.serialize(stored)
  return storage.unpack(weights.deserialize(data)), len(data)


def _counted(form):
  """The form as it is known before any training."""
  living = None if form.living is None else int(form.living.sum())
  return storage.Form(living, form.palette, book=form.book)


def _shapes(variables):
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), variables
  )


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('seed', range(12))
def test_random_kernels_come_back_from_a_file_of_the_promised_size(
  draw, dtype, seed
):
  rng = np.random.default_rng([seed, DTYPES.index(dtype)])
  variables, forms = {'params': {}}, {}
  most = {'int8': 256, 'int4': 16, 'int2': 4, 'int1': 2}.get(dtype, 300)
  for i in range(8):
    shape = tuple(rng.integers(1, 12, rng.integers(0, 5)))
    k = int(rng.integers(2, min(most, 256) + 1)) if rng.random() < 0.5 else None
    density = (
      rng.choice([0.0, rng.random(), 1.0]) if rng.random() < 0.7 else None
    )
    kernel, mask = draw(rng, shape, dtype, k, density, rng.random() < 0.5)
    variables['params'][f'layer_{i}'] = {'kernel': kernel}
    forms[f'params/layer_{i}/kernel'] = storage.Form(mask, k)
  variables['params']['bias'] = np.arange(3, dtype='float32')
  stored = storage.pack(variables, forms)
  back, size = _written(stored)
  _same(back, variables)
  _same(storage.unpack(stored), variables)
  promised = storage.packed_shapes(
    _shapes(variables), {path: _counted(form) for path, form in forms.items()}
  )
  assert promised == _shapes(stored)
  assert size == weights.size_bytes(promised)
  coded = {
    path: storage.Form(form.living, form.palette, huffman=True)
    for path, form in forms.items()
  }
  smaller = storage.pack(variables, coded)
  back, _ = _written(smaller)
  _same(back, variables)
  assert storage.nbytes(smaller) <= storage.nbytes(stored)


def test_plain_variables_are_their_own_stored_form():
  variables = {
    'params': {'head': {'kernel': jnp.ones((4, 5)), 'bias': np.zeros(5)}},
    'quant': {'scale': jnp.ones((1, 5), jnp.bfloat16)},
  }
  for stored in (storage.pack(variables), storage.pack(variables, {})):
    _same(stored, variables)
  _same(storage.unpack(variables), variables)
  _same(_written(variables)[0], variables)


@pytest.mark.parametrize('dtype', ['int2', 'uint2', 'bool'])
def test_narrow_numbers_are_coded_only_where_that_is_smaller(dtype):
  kernel = np.arange(4096).reshape(64, 64).astype(dtype)
  whole = storage.pack({'kernel': kernel}, {'kernel': storage.Form()})
  assert whole.keys() == {'kernel'}
  few = np.arange(4096).reshape(64, 64) % 512 == 1
  sparse = {'kernel': np.where(few, kernel, 0).astype(dtype)}
  stored = storage.pack(sparse, {'kernel': storage.Form(few)})
  # A mask has a bit for each weight, as has a kernel of two codes.
  assert ('kernel.coded' in stored) == (dtype != 'bool')


def test_a_sparse_kernel_is_its_living_weights_and_a_bit_for_each(draw):
  kernel, mask = draw(np.random.default_rng(0), (30, 50), density=0.2)
  stored = storage.pack({'kernel': kernel}, {'kernel': storage.Form(mask)})
  head = 4 + 3 + 2 * 4
  assert stored['kernel.coded'].nbytes == head + 188 + 4 * mask.sum()


def test_an_n_of_m_mask_has_the_size_of_its_share(draw):
  kernel, _ = draw(np.random.default_rng(0), (64, 48), 'bfloat16')
  params = {'head': {'kernel': kernel}}
  masks = pruning.select(params, 0.5, pattern=pruning.NM(2, 4))
  pruned = pruning.apply(params, masks)
  forms = {path: storage.Form(mask) for path, mask in masks.items()}
  back, size = _written(storage.pack(pruned, forms))
  _same(back, pruned)
  half = {'head/kernel': storage.Form(64 * 48 // 2)}
  assert size == weights.size_bytes(
    storage.packed_shapes(_shapes(params), half)
  )


@pytest.mark.parametrize('k', [2, 3, 16, 17, 255, 256])
def test_a_palette_is_its_values_and_whole_bits_for_each_weight(draw, k):
  kernel, _ = draw(np.random.default_rng(k), (40, 100), k=k)
  form = storage.Form(palette=k)
  stored = storage.pack({'kernel': kernel}, {'kernel': form})
  bits = int(np.ceil(np.log2(k)))
  assert stored['kernel.coded'].nbytes == 15 + 1 + 4 * k + 4000 * bits // 8
  _same(_written(stored)[0], {'kernel': kernel})


def test_the_values_of_a_palette_are_told_apart_by_their_bits():
  values = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45], 'float32')
  kernel = np.resize(values, (6, 50))
  form = storage.Form(palette=6)
  _same(storage.unpack(storage.pack({'k': kernel}, {'k': form})), {'k': kernel})


def test_a_living_zero_is_a_weight_like_others():
  kernel = np.zeros((8, 64), 'int8')
  mask = np.arange(512).reshape(8, 64) % 3 == 0
  form = storage.Form(mask, palette=2)
  stored = storage.pack({'kernel': kernel}, {'kernel': form})
  promised = storage.packed_shapes(
    {'kernel': kernel}, {'kernel': storage.Form(int(mask.sum()), 2)}
  )
  assert promised == _shapes(stored)
  _same(storage.unpack(stored), {'kernel': kernel})


@pytest.mark.parametrize('huffman', [False, True])
@pytest.mark.parametrize('density', [0.0, 1.0])
def test_all_or_nothing_pruned(draw, density, huffman):
  kernel, mask = draw(np.random.default_rng(0), (32, 33), density=density)
  form = storage.Form(mask, huffman=huffman)
  stored = storage.pack({'kernel': kernel}, {'kernel': form})
  # A mask that prunes nothing saves nothing, and is left out.
  assert list(stored) == ['kernel' if density else 'kernel.coded']
  _same(_written(stored)[0], {'kernel': kernel})


@pytest.mark.parametrize('size', range(1, 60))
def test_a_form_is_left_out_exactly_where_it_saves_nothing(size):
  for dtype in ('float32', 'int8'):
    kernel = np.resize(np.array([1, 2, 3], dtype), size)
    stored = storage.pack({'k': kernel}, {'k': storage.Form(palette=3)})
    coded = 11 + 1 + 3 * kernel.itemsize + -(-size * 2 // 8)
    assert list(stored) == ['k.coded' if coded < kernel.nbytes else 'k']
    assert storage.nbytes(stored) == min(coded, kernel.nbytes)


@pytest.mark.parametrize('masked', [False, True])
def test_kernels_share_a_book(draw, masked):
  rng = np.random.default_rng(0)
  density = 0.5 if masked else None
  both, mask = draw(rng, (2, 40, 50), k=16, density=density)
  tiny = both[0, :2, :2]  # too small to be coded
  params = {'a': both[0], 'b': both[1], 'c': tiny}
  living = [None] * 3 if mask is None else [*mask, mask[0, :2, :2]]
  forms = {
    name: storage.Form(m, palette=16, book='all/of/them')
    for name, m in zip('abc', living, strict=True)
  }
  stored = storage.pack(params, forms)
  assert stored.keys() == {'a.coded', 'b.coded', 'c', 'books.coded'}
  _same(_written(stored)[0], params)
  assert _shapes(stored) == storage.packed_shapes(
    _shapes(params), {path: _counted(form) for path, form in forms.items()}
  )
  apart = {p: storage.Form(f.living, 16) for p, f in forms.items()}
  saved = storage.nbytes(storage.pack(params, apart)) - storage.nbytes(stored)
  # A book of 16 values in each instead of a number, and once with a head.
  assert saved == 2 * (1 + 64 - 2) - (11 + 64)


def test_a_book_that_nothing_needs_is_not_stored():
  form = storage.Form(palette=2, book='b')
  assert storage.pack({'k': np.ones(3, 'float32')}, {'k': form}).keys() == {'k'}


def test_clustered_parameters_have_the_size_of_the_survey():
  kernel = jax.random.normal(jax.random.key(0), (64, 64))
  for masks in ({}, {'kernel': kernel > 0}):
    found = codebooks.cluster({'kernel': kernel}, masks=masks)
    stored = storage.pack(codebooks.weights(found), codebooks.forms(found))
    _same(storage.unpack(stored), codebooks.weights(found))
    living = int(np.sum(masks.get('kernel', np.ones(4096))))
    packed = -(-living * 4 // 8) + (512 if masks else 0)
    assert storage.nbytes(stored) == 15 + 1 + 64 + packed


def test_integers_of_few_values_are_as_narrow_as_their_palette(draw):
  # What a network of two bits leaves in arrays of four.
  kernel, _ = draw(np.random.default_rng(0), (64, 64), 'int2')
  wide = {'kernel': jnp.asarray(kernel.astype('int8')).astype(jnp.int4)}
  stored = storage.pack(wide, {'kernel': storage.Form(palette=4)})
  assert stored['kernel.coded'].nbytes == 15 + 1 + 2 + 4096 // 4
  _same(_written(stored)[0], wide)


def test_an_order_of_forms_changes_nothing(draw):
  rng = np.random.default_rng(0)
  params = {name: draw(rng, (20, 20), k=4)[0] for name in 'abcd'}
  forms = {
    name: storage.Form(palette=8, book='xy'[i % 2])
    for i, name in enumerate(params)
  }
  files = set()
  for order in itertools.permutations(forms):
    stored = storage.pack(params, {name: forms[name] for name in order})
    files.add(weights.serialize(stored))
  assert len(files) == 1
