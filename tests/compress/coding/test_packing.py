"""Packed integers come back, and are as small as the survey says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.compress.coding import packing


@pytest.mark.parametrize('bits', range(1, 9))
def test_a_round_trip_is_exact(bits):
  rng = np.random.default_rng(bits)
  for shape in ((0,), (7,), (5, 3, 11)):
    integers = rng.integers(0, 2**bits, shape).astype(np.uint8)
    packed = packing.pack(integers, bits)
    assert packed.dtype == np.uint8
    assert packed.nbytes == packing.packed_bytes(integers.size, bits)
    assert packed.nbytes == -(-integers.size * bits // 8)
    back = packing.unpack(packed, bits, shape)
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, integers)


@pytest.mark.parametrize('bits', [1, 3, 8])
def test_on_the_host_bytes_are_those_of_the_device(bits):
  integers = np.random.default_rng(0).integers(0, 2**bits, 45).astype('uint8')
  packed = packing.pack(integers, bits)
  assert isinstance(packed, np.ndarray)
  np.testing.assert_array_equal(
    packed, packing.pack(jnp.asarray(integers), bits)
  )
  back = packing.unpack(packed, bits, (45,))
  assert isinstance(back, np.ndarray)
  np.testing.assert_array_equal(
    back, packing.unpack(jnp.asarray(packed), bits, (45,))
  )


def test_a_round_trip_can_be_traced():
  integers = jnp.arange(30, dtype=jnp.uint8) % 8

  @jax.jit
  def round_trip(integers):
    return packing.unpack(packing.pack(integers, 3), 3, (30,))

  np.testing.assert_array_equal(round_trip(integers), integers)


def test_bits_of_an_index():
  assert [packing.bits_of(k) for k in (2, 3, 4, 5, 128, 129, 256)] == [
    *(1, 2, 2, 3),
    *(7, 8, 8),
  ]


# Menghani, 2021, https://arxiv.org/abs/2106.08962: 4096 weights.
PUBLISHED = {
  **{2: 31.51, 4: 15.75, 8: 10.45, 16: 7.76},
  **{32: 6.10, 64: 4.92, 128: 4.0},
}


@pytest.mark.parametrize(('k', 'published'), PUBLISHED.items())
def test_the_ratio_is_the_surveys_and_that_of_the_stored_arrays(k, published):
  ratio = packing.compression_ratio(4096, k)
  assert round(ratio, 2) == published
  indices = jnp.arange(4096, dtype=jnp.uint8) % k
  packed = packing.pack(indices, packing.bits_of(k))
  codebook = jnp.zeros(k, jnp.float32)
  assert 4 * 4096 / (packed.nbytes + codebook.nbytes) == ratio


def test_bad_input_is_one_line():
  with pytest.raises(errors.UserError, match='1 to 8 bits; got 9'):
    packing.pack(jnp.zeros(3, jnp.uint8), 9)
  with pytest.raises(errors.UserError, match='are 3 bytes; got 2'):
    packing.unpack(jnp.zeros(2, jnp.uint8), 3, (8,))
