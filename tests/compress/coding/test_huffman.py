"""Huffman codes are prefix codes, come back, and are as short as can be."""

import itertools

import numpy as np
import pytest

from effnas import errors
from effnas.compress.coding import huffman


def _counts(n, seed):
  rng = np.random.default_rng(seed)
  return rng.geometric(rng.uniform(0.002, 0.5), n) - 1


def _entropy_bits(counts):
  shares = counts[counts > 0] / counts.sum()
  return -(counts.sum() * shares * np.log2(shares)).sum()


@pytest.mark.parametrize('n', [2, 3, 17, 256])
@pytest.mark.parametrize('seed', range(5))
def test_bits_lie_within_entropy_and_one_bit_a_symbol(n, seed):
  counts = _counts(n, seed) + (np.arange(n) < 2)
  bits, entropy = huffman.coded_bits(counts), _entropy_bits(counts)
  assert entropy - 1e-6 <= bits <= entropy + counts.sum()
  kraft = (0.5 ** huffman.lengths(counts)[counts > 0].astype(float)).sum()
  assert kraft == 1


@pytest.mark.parametrize('seed', range(10))
@pytest.mark.parametrize('n', [2, 3, 4, 5])
def test_no_prefix_code_is_shorter(n, seed):
  counts = np.random.default_rng(seed).geometric(0.15, n) ** 2
  codes = np.array(list(itertools.product(range(1, n), repeat=n)) or [[1, 1]])
  codes = codes[(0.5**codes).sum(1) <= 1]  # Kraft: these and no other exist
  assert huffman.coded_bits(counts) == (codes @ counts).min()


def test_powers_of_two_reach_the_entropy():
  counts = np.array([8, 4, 2, 1, 1])
  assert huffman.coded_bits(counts) == _entropy_bits(counts) == 30


@pytest.mark.parametrize('n', [1, 2, 5, 16, 256])
@pytest.mark.parametrize('seed', range(4))
def test_a_round_trip_is_exact(n, seed):
  counts = _counts(n, seed)
  counts[seed % n] += 3
  symbols = np.repeat(np.arange(n), counts)
  np.random.default_rng(seed).shuffle(symbols)
  code = huffman.lengths(counts)
  packed = huffman.encode(symbols, code)
  assert packed.nbytes == -(-huffman.coded_bits(counts) // 8)
  back = huffman.decode(packed, code, len(symbols))
  np.testing.assert_array_equal(back, symbols)


def test_long_words_come_back():
  fibonacci = [1, 1]
  while len(fibonacci) < 22:
    fibonacci.append(sum(fibonacci[-2:]))
  code = huffman.lengths(np.array(fibonacci))
  assert code.max() == 21
  symbols = np.arange(22)
  packed = huffman.encode(symbols, code)
  np.testing.assert_array_equal(huffman.decode(packed, code, 22), symbols)


def test_nothing_is_coded_as_nothing():
  code = huffman.lengths(np.zeros(4, int))
  assert not code.any()
  packed = huffman.encode(np.zeros(0, int), code)
  assert packed.size == huffman.decode(packed, code, 0).size == 0


def test_bad_input_is_one_line():
  code = np.array([1, 0, 1])
  for symbols in ([1], [3]):
    with pytest.raises(errors.UserError, match=r'has them for \[0, 2\]'):
      huffman.encode(np.array(symbols), code)
  with pytest.raises(errors.UserError, match='end after 8 symbols of 9'):
    huffman.decode(np.zeros(1, np.uint8), code, 9)


@pytest.mark.parametrize('code', [[0, 0], [1, 1, 1], [64, 64], [1, 2, 2, 9]])
def test_lengths_that_are_no_code_are_refused(code):
  with pytest.raises(errors.UserError, match='no code has words of'):
    huffman.decode(np.zeros(9, np.uint8), np.array(code), 3)


def test_a_word_that_is_cut_off_is_refused():
  with pytest.raises(errors.UserError, match='end after 2 symbols of 3'):
    huffman.decode(np.full(1, 255, np.uint8), np.array([3, 3, 2, 2, 2]), 3)
