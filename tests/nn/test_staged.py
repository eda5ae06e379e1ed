"""Stages and networks of stages."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.nn import rewrite, staged
from effnas.nn.blocks import mbconv


def test_parameters_grow_with_depth():
  def leaves(depth):
    stage = staged.Stage(8, 1, depth, mbconv.MBConv(expand=2))
    shapes = rewrite.abstract_variables(stage, (6, 6, 8))
    return len(jax.tree.leaves(shapes['params']))

  assert leaves(3) == 3 * leaves(1)


def test_only_the_first_block_strides():
  stage = staged.Stage(6, 2, 3, mbconv.MBConv())
  x = jax.ShapeDtypeStruct((1, 9, 8, 4), jnp.float32)
  y, _ = jax.eval_shape(stage.init_with_output, jax.random.key(0), x)
  assert y.shape == (1, 5, 4, 6)


def test_dropout_rests_at_inference():
  net = staged.StagedNet(
    (), stem=4, stem_stride=1, head=0, classes=3, dropout=0.5
  )
  x = jax.random.normal(jax.random.key(0), (2, 4, 4, 1))
  variables = net.init(jax.random.key(0), x)
  apply = functools.partial(net.apply, variables, x)
  np.testing.assert_array_equal(apply(), apply())

  def run(seed):
    key = jax.random.key(seed)
    return apply(train=True, mutable=['batch_stats'], rngs={'dropout': key})[0]

  assert jnp.abs(run(0) - run(1)).max() > 0


@pytest.mark.parametrize(
  ('stage', 'said'),
  [
    (staged.Stage(8, 1, 0, mbconv.MBConv()), '1 block or more, got 0'),
    (staged.Stage(8, 1, -1, mbconv.MBConv()), '1 block or more, got -1'),
    (staged.Elastic(8, 1, ()), '1 block or more, got none'),
    (staged.Stage(8, 1, 1, mbconv.MBConv(expand=0)), '0 times 8 leave none'),
    (staged.Stage(8, 1, 1, mbconv.MBConv(expand=-1)), '-1 times 8 leave none'),
  ],
)
def test_a_stage_without_blocks_and_a_block_without_channels(stage, said):
  x = jax.ShapeDtypeStruct((1, 4, 4, 8), jnp.float32)
  with pytest.raises(errors.UserError, match=said):
    jax.eval_shape(stage.init_with_output, jax.random.key(0), x)
