"""MixConv: a kernel for each part of the channels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trained

from effnas import errors
from effnas.nn import rewrite, squeeze_excite
from effnas.nn.blocks import mbconv, mixconv


def test_with_one_kernel_it_is_mbconv():
  squeeze = squeeze_excite.SqueezeExcite()
  fields = {'features': 6, 'stride': 2, 'se': True, 'squeeze': squeeze}
  mixed = mixconv.MixConv(kernels=(5,), expand=3, act=jax.nn.relu, **fields)
  plain = mbconv.MBConv(kernel=5, expand=3, act=jax.nn.relu, **fields)
  x = jax.random.normal(jax.random.key(0), (2, 7, 5, 4))
  variables = trained.variables(mixed, x)
  alike = {
    collection: {k: v.get('part_0', v) for k, v in tree.items()}
    for collection, tree in variables.items()
  }
  np.testing.assert_allclose(
    mixed.apply(variables, x), plain.apply(alike, x), atol=1e-6
  )


def test_each_part_sees_through_its_own_kernel():
  kernels = (3, 5, 7)
  conv = mixconv.MixedConvNorm(kernels=kernels, depthwise=True)
  x = jnp.ones((1, 9, 9, 5))
  variables = trained.variables(conv, x)
  seen = trained.seen(lambda x: conv.apply(variables, x)[0, 4, 4], x)[:, 0]
  for channel, kernel in enumerate((3, 3, 3, 5, 7)):  # Parts of 3, 1, 1.
    low, high = 4 - kernel // 2, 5 + kernel // 2
    expected = np.zeros((9, 9, 5), bool)
    expected[low:high, low:high, channel] = True
    np.testing.assert_array_equal(seen[channel], expected)


def test_groups_are_blocks_on_the_diagonal():
  conv = mixconv.MixedConvNorm(6, kernels=(1, 1))
  x = jnp.ones((1, 2, 2, 5))
  variables = trained.variables(conv, x)
  seen = trained.seen(lambda x: conv.apply(variables, x)[0, 0, 0], x)
  expected = np.zeros((6, 5), bool)
  expected[:3, :3] = expected[3:, 3:] = True
  np.testing.assert_array_equal(seen[:, 0, 0, 0], expected)


def test_more_kernels_than_channels_are_refused_in_one_line():
  block = mixconv.MixConv(kernels=(3, 5, 7), expand=1)
  with pytest.raises(errors.UserError, match=r'2 channels split .* got 3'):
    rewrite.abstract_variables(block, (8, 8, 2))
