"""The three stages: what comes back, and the bytes of each."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas.compress.clustering import codebooks, deep_compression


def _params():
  rng = np.random.default_rng(0)
  return {  # kernels of one size, which share compiled programs
    'conv': {'kernel': _float32(rng.normal(size=(3, 3, 8, 16)))},
    'head': {
      'kernel': _float32(rng.laplace(size=(72, 16))),
      'bias': jnp.arange(1.0, 17.0),
    },
  }


def _float32(values):
  return jnp.asarray(values, jnp.float32)


def _masks(density=0.1):
  def left(kernel):
    return np.abs(kernel) >= np.quantile(np.abs(kernel), 1 - density)

  params = _params()
  return {name: {'kernel': left(params[name]['kernel'])} for name in params}


def _equal(tree, other):
  jax.tree.map(np.testing.assert_array_equal, tree, other)
  assert jax.tree.structure(tree) == jax.tree.structure(other)


@pytest.mark.parametrize('masks', [None, _masks()], ids=['dense', 'pruned'])
@pytest.mark.parametrize('shared', [False, True])
def test_the_archive_holds_exactly_the_clustered_weights(masks, shared):
  books = [codebooks.Codebook('*kernel', shared=shared)]
  clustered = codebooks.cluster(_params(), books, masks)
  archive = deep_compression.compress(_params(), books, masks)
  _equal(deep_compression.decompress(archive), codebooks.weights(clustered))


def test_types_and_masks_of_unclustered_parameters_come_back():
  params = jax.tree.map(lambda x: x.astype('bfloat16'), _params())
  mask = np.arange(16) % 2 == 0
  archive = deep_compression.compress(
    params, [codebooks.Codebook('conv/*')], {'head/bias': mask}
  )
  back = deep_compression.decompress(archive)
  assert {x.dtype.name for x in jax.tree.leaves(back)} == {'bfloat16'}
  np.testing.assert_array_equal(back['head']['bias'] != 0, mask)


def test_the_bytes_of_each_stage_are_those_of_its_arrays():
  masks, k = _masks(), 16
  archive = deep_compression.compress(_params(), masks=masks)
  dense = pruned = clustered = 64  # the bias
  for name in masks:
    mask = masks[name]['kernel']
    left, head = int(mask.sum()), 4 + 3 + 4 * mask.ndim
    single = head + math.ceil(mask.size / 8)
    dense += mask.size * 4
    pruned += left * 4 + single
    clustered += math.ceil(left * 4 / 8) + 1 + 4 * k + single
  assert archive.stages == {
    'dense': dense,
    'pruned': pruned,
    'clustered': clustered,
    'encoded': sum(x.nbytes for x in jax.tree.leaves(archive.stored)),
  }
  assert archive.ratio == dense / archive.stages['encoded']


def test_each_stage_is_smaller_on_a_large_pruned_kernel():
  kernel = np.random.default_rng(1).laplace(size=(256, 256))
  mask = np.abs(kernel) > np.quantile(np.abs(kernel), 0.9)
  archive = deep_compression.compress(
    {'kernel': _float32(kernel)}, masks={'kernel': mask}
  )
  sizes = [archive.stages[stage] for stage in deep_compression.STAGES]
  assert sizes == sorted(sizes, reverse=True)
  assert len(set(sizes)) == 4


def test_fine_tuning_comes_before_the_coding():
  def doubled(clustered):
    trainable = jax.tree.map(lambda x: 2 * x, clustered.trainable)
    return clustered.replace(trainable=trainable)

  plain = deep_compression.compress(_params(), masks=_masks())
  tuned = deep_compression.compress(
    _params(), masks=_masks(), fine_tune=doubled
  )
  twice = jax.tree.map(lambda x: 2 * x, deep_compression.decompress(plain))
  _equal(deep_compression.decompress(tuned), twice)


def test_a_tensor_without_a_weight_left_comes_back_as_zeros():
  nothing = {'head': {'kernel': np.zeros((72, 16), bool)}}
  archive = deep_compression.compress(_params(), masks=nothing)
  back = deep_compression.decompress(archive)
  assert not back['head']['kernel'].any()
