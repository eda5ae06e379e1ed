"""Huffman codes: within a bit of the entropy, and never larger than without."""

import numpy as np
import pytest

from effnas.compress import storage


def _entropy_bits(symbols):
  shares = np.unique(symbols, return_counts=True)[1] / symbols.size
  return -(symbols.size * shares * np.log2(shares)).sum()


def _nbytes(kernel, **form):
  stored = storage.pack({'k': kernel}, {'k': storage.Form(**form)})
  return storage.nbytes(stored)


@pytest.mark.parametrize('dtype', ['float32', 'int8'])
@pytest.mark.parametrize('k', [3, 16, 60])
def test_a_skewed_palette_is_coded_within_a_bit_of_its_entropy(draw, dtype, k):
  kernel, _ = draw(np.random.default_rng(k), (80, 90), dtype, k, skewed=True)
  found = _nbytes(kernel, palette=k, huffman=True)
  book = 1 + k * kernel.dtype.itemsize
  words = found - 15 - book - 8 - k  # without heads, values and lengths
  entropy = _entropy_bits(kernel)
  assert entropy / 8 <= words <= (entropy + kernel.size) / 8 + 1
  assert found < _nbytes(kernel, palette=k)


@pytest.mark.parametrize('dtype', ['int8', 'int4', 'int2'])
def test_narrow_integers_are_their_own_palette(draw, dtype):
  kernel, _ = draw(np.random.default_rng(0), (80, 90), dtype, skewed=True)
  found = _nbytes(kernel, huffman=True)
  n = {'int8': 256, 'int4': 16, 'int2': 4}[dtype]
  entropy = _entropy_bits(kernel.astype(int))
  assert entropy / 8 <= found - 15 - 8 - n <= (entropy + kernel.size) / 8 + 1
  assert found < storage.nbytes({'k': kernel})


@pytest.mark.parametrize('density', [0.005, 0.02, 0.1, 0.5])
def test_runs_of_zeros_are_near_the_entropy_of_the_mask(draw, density):
  kernel, mask = draw(np.random.default_rng(0), (300, 300), density=density)
  found = _nbytes(kernel, living=mask, huffman=True) - 4 * mask.sum() - 15
  share = mask.mean()
  entropy = -mask.size * (
    share * np.log2(share) + (1 - share) * np.log2(1 - share)
  )
  single = -(-mask.size // 8)
  assert found == single if density == 0.5 else found < single
  table = 1 + 8 + 2**8
  assert entropy / 8 * 0.98 <= found <= 1.1 * entropy / 8 + table


@pytest.mark.parametrize('seed', range(20))
def test_codes_are_never_larger_than_without(draw, seed):
  rng = np.random.default_rng(seed)
  k = int(rng.integers(2, 257))
  shape = (int(rng.integers(1, 60)), 40)
  kernel, mask = draw(rng, shape, k=k, density=rng.random())
  for form in ({}, {'living': mask}):
    some = form | {'palette': k + 1}
    assert _nbytes(kernel, **some, huffman=True) <= _nbytes(kernel, **some)
    assert _nbytes(kernel, **form, huffman=True) <= _nbytes(kernel, **form)


def test_a_shared_book_is_coded_too(draw):
  kernel, _ = draw(np.random.default_rng(0), (80, 90), k=16, skewed=True)
  params = {'a': kernel, 'b': kernel}
  sizes = []
  for huffman in (False, True):
    form = storage.Form(palette=16, book='one', huffman=huffman)
    stored = storage.pack(params, {'a': form, 'b': form})
    for name, back in storage.unpack(stored).items():
      np.testing.assert_array_equal(back, params[name])
    sizes.append(storage.nbytes(stored))
  assert sizes[1] < sizes[0]
