"""Rounding to 8-bit floats is that of the formats, under jit too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas.quant import float8

LARGEST = {'e4m3': 448, 'e5m2': 57344}


def _numbers(name):
  every = np.arange(256, dtype=np.uint8).view(float8.DTYPES[name])
  every = np.unique(every.astype(np.float32))
  return every[np.isfinite(every)]


@pytest.mark.parametrize('name', float8.DTYPES)
def test_rounding_is_the_formats(name):
  rng = np.random.default_rng(0)
  exact = _numbers(name)
  sizes = 10.0 ** rng.uniform(-8, 5, 50_000)
  x = np.concatenate(
    [rng.normal(size=50_000) * sizes, exact, (exact[1:] + exact[:-1]) / 2]
  ).astype(np.float32)
  within = np.clip(x, -LARGEST[name], LARGEST[name])
  expected = within.astype(float8.DTYPES[name]).astype(np.float32)
  got = jax.jit(lambda x: float8.nearest(x, name))(x)
  np.testing.assert_array_equal(got, expected)
  narrow = jnp.asarray(exact).astype(jnp.bfloat16)  # It holds them, too.
  np.testing.assert_array_equal(float8.nearest(narrow, name), narrow)


@pytest.mark.parametrize('name', float8.DTYPES)
def test_the_largest_magnitude_is_the_largest_number(name):
  x = jnp.array([[0.3, -2.0, 1.1], [0.0, 0.0, 0.0]])
  found = float8.coded(x, name, (1,))
  assert jnp.abs(found.codes).max(1).tolist() == [LARGEST[name], 0]
  np.testing.assert_allclose(found.codes * found.scale, x, rtol=2**-3)
