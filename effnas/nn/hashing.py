"""Hash functions of tokens, computed where they are used and never stored."""

import jax
import jax.numpy as jnp
import numpy as np


def words(tokens: jax.Array, hashes: int, seed: int = 0) -> jax.Array:
  """Hashes each token to some words of 32 bits.

  Each function is a random multiplication and addition modulo 2^32, then the
  finaliser of MurmurHash3, after which every bit depends on every bit of the
  token. Both are one to one, so no two tokens share a word at one place.

  Args:
    tokens: Integers of any shape.
    hashes: Number of functions.
    seed: Of the functions; equal seeds give equal functions, the first ones
      whatever their number.

  Returns:
    Unsigned integers [..., hashes], uniform over all 2^32.

  Example:
    >>> words(jnp.array([7, 8, 7]), 2).shape
    (3, 2)

  Reference:
    Dietzfelbinger et al., 1997, A Reliable Randomized Algorithm for the
    Closest-Pair Problem, J. Algorithms 25 (multiplication); Appleby, 2011,
    MurmurHash3, https://github.com/aappleby/smhasher
  """
  rng = np.random.default_rng(seed)
  odd, offset = rng.integers(2**32, size=(hashes, 2), dtype=np.uint32).T
  h = tokens[..., None].astype(jnp.uint32) * (odd | np.uint32(1)) + offset
  h = (h ^ (h >> 16)) * np.uint32(0x85EBCA6B)
  h = (h ^ (h >> 13)) * np.uint32(0xC2B2AE35)
  return h ^ (h >> 16)
