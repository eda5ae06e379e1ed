"""Kernels to store: sparse, of few values, of each dtype."""

import ml_dtypes
import numpy as np
import pytest

DTYPES = ('float32', 'bfloat16', 'int8', 'int4', 'int2', 'int1')


def dtype_of(name):
  return np.dtype(getattr(ml_dtypes, name, name))


@pytest.fixture
def draw():
  """Returns a function that draws a kernel, its mask and its values."""

  def drawn(rng, shape, dtype='float32', k=None, density=None, skewed=False):
    dtype = dtype_of(dtype)
    size = int(np.prod(shape))
    if dtype.name.startswith('int'):
      top = 2 ** (8 if dtype == np.int8 else int(dtype.name[3:])) // 2
      values = np.arange(-top, top)
    else:
      values = rng.normal(size=size + (k or 1))
    if k is not None:
      values = rng.permutation(values)[:k]
    shares = 0.5 ** np.arange(len(values)) if skewed else np.ones(len(values))
    kernel = rng.choice(values, size, p=shares / shares.sum())
    kernel = kernel.astype(dtype).reshape(shape)
    mask = None if density is None else rng.random(shape) < density
    if mask is not None:
      kernel = np.where(mask, kernel, np.zeros_like(kernel))
    return kernel, mask

  return drawn
