"""Hash functions: repeatable, one to one, uniform and independent."""

import jax.numpy as jnp
import numpy as np

from effnas.nn import hashing


def _chi_square(counts):
  """Of counts that should be equal, in standard deviations from its mean."""
  expected = counts.mean()
  square = ((counts - expected) ** 2 / expected).sum()
  freedom = counts.size - 1
  return (square - freedom) / np.sqrt(2 * freedom)


def test_a_seed_names_its_functions():
  tokens = jnp.arange(100)
  first, second = hashing.words(tokens, 2), hashing.words(tokens, 2)
  np.testing.assert_array_equal(first, second)
  np.testing.assert_array_equal(first, hashing.words(tokens, 5)[:, :2])
  assert not (first == hashing.words(tokens, 2, seed=1)).any()
  assert not (first[:, 0] == first[:, 1]).any()


def test_saved_networks_meet_the_functions_they_were_trained_with():
  # Should NumPy change its stream for a seed, these move: then fix the stream.
  expected = [[1762369480, 1807067125], [3964796811, 3187218427]]
  assert hashing.words(jnp.arange(2), 2).tolist() == expected


def test_no_two_tokens_share_a_word():
  tokens = np.arange(20_000, dtype=np.uint32)
  tokens = np.concatenate([tokens, tokens << 17 | 1 << 31])
  words = np.asarray(hashing.words(jnp.asarray(tokens), 3))
  for function in words.T:
    assert len(np.unique(function)) == len(np.unique(tokens))


def test_buckets_fill_evenly_and_independently():
  words = np.asarray(hashing.words(jnp.arange(40_000), 2))
  for buckets in (16, 100):  # The lowest bits alone; all bits.
    first, second = (words % buckets).T
    pairs = np.bincount(first * buckets + second, minlength=buckets**2)
    assert abs(_chi_square(np.bincount(first))) < 4
    assert abs(_chi_square(np.bincount(second))) < 4
    assert abs(_chi_square(pairs)) < 4


def test_a_bit_of_the_token_flips_each_bit_of_a_word_half_of_the_time():
  def bits(tokens):
    words = np.asarray(hashing.words(jnp.asarray(tokens), 1))
    return np.unpackbits(words.view(np.uint8), axis=1)

  tokens = np.arange(4_000, dtype=np.uint32)
  for bit in range(0, 32, 3):
    flipped = bits(tokens) != bits(tokens ^ np.uint32(1 << bit))
    # Standard error .008; the worst of 352 numbers.
    assert np.abs(flipped.mean(0) - 0.5).max() < 0.035
