"""Packed integers come back exactly."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.footprint import weights
from effnas.quant import pack


@pytest.mark.parametrize('signed', [True, False])
@pytest.mark.parametrize('bits', [1, 2, 4, 8])
def test_every_code_comes_back(bits, signed):
  least = -(2 ** (bits - 1)) if signed else 0
  every = np.arange(least, least + 2**bits)
  rng = np.random.default_rng(0)
  for shape in ((2**bits,), (3, 5, 7), (1,), (0, 3), ()):
    codes = rng.choice(every, shape)
    if shape == every.shape:
      codes = every
    packed = pack.pack(codes, bits)
    assert packed.dtype == jnp.uint8
    assert packed.size == math.ceil(codes.size * bits / 8)
    back = pack.unpack(packed, bits, shape, signed)
    np.testing.assert_array_equal(back, codes)
    assert back.dtype == (jnp.int8 if signed else jnp.uint8)


def test_four_bits_are_laid_out_as_in_the_weights_file():
  codes = jnp.arange(-8, 7).astype(jnp.int4).reshape(3, 5)
  data = weights.serialize({'w': codes})
  assert data.endswith(bytes(np.asarray(pack.pack(codes, 4))))


def test_ternary_weights_take_a_quarter_of_a_byte():
  codes = jnp.array([-1, 0, 1, 1, 0, -1, -1, 0], jnp.int8)
  assert pack.pack(codes, 2).size == 2


def test_it_runs_under_jit():
  codes = jnp.array([3, -4, 1], jnp.int8)

  @jax.jit
  def round_trip(codes):
    return pack.unpack(pack.pack(codes, 4), 4, codes.shape)

  np.testing.assert_array_equal(round_trip(codes), codes)


def test_bad_input_is_one_line():
  with pytest.raises(errors.UserError, match=r'1, 2, 4 or 8 bits .* got 3'):
    pack.pack(jnp.array([1]), 3)
  with pytest.raises(errors.UserError, match=r'-2 to 1, or 0 to 3.* -1 to 2'):
    pack.pack(jnp.array([-1, 2]), 2)
  with pytest.raises(errors.UserError, match='got float32'):
    pack.pack(jnp.array([1.0]), 2)
  with pytest.raises(errors.UserError, match='9 values of 4 bits are 5 bytes'):
    pack.unpack(jnp.zeros(4, jnp.uint8), 4, (3, 3))
