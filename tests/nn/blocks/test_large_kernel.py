"""The small kernel disappears into the large one."""

import formula
import jax
import numpy as np
import pytest
import trained

from effnas import errors, footprint
from effnas.nn import rewrite, staged
from effnas.nn.blocks import large_kernel

X = jax.random.normal(jax.random.key(0), (2, 9, 8, 4))


@pytest.mark.parametrize('small', [0, 3])
def test_a_merged_network_gives_the_same(small):
  def stage(merged):
    block = large_kernel.RepLK(kernel=7, small=small, merged=merged, mlp=2)
    return staged.Stage(features=6, stride=2, depth=2, block=block)

  variables = trained.variables(stage(merged=False), X)
  merged = large_kernel.merge(variables)
  started = jax.eval_shape(stage(merged=True).init, jax.random.key(0), X)
  assert jax.tree.structure(merged) == jax.tree.structure(started)
  y = jax.jit(stage(merged=False).apply)(variables, X)
  np.testing.assert_allclose(
    jax.jit(stage(merged=True).apply)(merged, X), y, atol=1e-4 * abs(y).max()
  )


def test_a_merged_block_costs_what_its_docstring_says():
  block = large_kernel.RepLK(6, 2, 7, 3, merged=True)
  cost = formula.of(block, (9, 8, 4), (5, 4, 6))['MACs']
  assert footprint.measure(block, (9, 8, 4))['macs'] == cost
  apart = formula.of(block.copy(merged=False), (9, 8, 4), (5, 4, 6))['MACs']
  assert apart - cost == 5 * 4 * 6 * 3**2


def test_a_perceptron_of_zero_is_left_out():
  block = large_kernel.RepLK(kernel=7, mlp=0)
  params = rewrite.abstract_variables(block, (9, 8, 4))['params']
  assert params.keys() == {'norm', 'expand', 'large', 'project'}


def test_a_small_kernel_that_is_larger_is_refused_in_one_line():
  block = large_kernel.RepLK(kernel=3)
  with pytest.raises(errors.UserError, match=r'fits into .* got 5 and 3'):
    rewrite.abstract_variables(block, (9, 8, 4))
