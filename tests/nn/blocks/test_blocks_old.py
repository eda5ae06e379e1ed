"""Blocks keep their promises: shapes, cost, equivalences, gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.nn import attention, layers, mbconv, rewrite, staged

BLOCKS = {
  'mbconv': mbconv.MBConv(expand=2),
  'mbconv_plain': mbconv.MBConv(expand=1, kernel=5),
  'mbconv_se': mbconv.MBConv(expand=3, se=True, act=jax.nn.hard_swish),
  'softmax': attention.AttentionBlock(heads=2),
  'linear': attention.AttentionBlock(kind='linear', heads=2, mlp=1),
}


def _normal(*shape, seed=0):
  return jax.random.normal(jax.random.key(seed), shape)


def _qkv(length=7, heads=2, channels=4):
  return tuple(_normal(2, length, heads, channels, seed=i) for i in range(3))


@pytest.mark.parametrize('block', BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
def test_a_block_strides_learns_and_takes_bfloat16(block, dtype):
  block = block.copy(features=8, stride=2)
  x = _normal(3, 6, 6, 4).astype(dtype)
  variables = jax.jit(block.init)(jax.random.key(0), x)
  params = jax.tree.map(lambda p: p.astype(dtype), variables['params'])

  @jax.jit
  def loss(params):
    y, _ = block.apply(
      {**variables, 'params': params}, x, True, mutable=['batch_stats']
    )
    assert y.shape == (3, 3, 3, 8)
    return jnp.sum(jnp.sin(y).astype(jnp.float32) ** 2)

  for path, gradient in jax.tree.leaves_with_path(jax.grad(loss)(params)):
    assert jnp.isfinite(gradient.astype(jnp.float32)).all(), path
    # (A bias in front of a normalisation has no gradient: there is none.)
    assert jnp.abs(gradient).max() > 0, path


@pytest.mark.parametrize('block', BLOCKS.values(), ids=BLOCKS)
def test_a_block_keeps_the_shape_by_default(block):
  x = jax.ShapeDtypeStruct((1, 5, 7, 4), jnp.float32)
  y, _ = jax.eval_shape(block.init_with_output, jax.random.key(0), x)
  assert y.shape == (1, 5, 7, 4)


def test_softmax_attention_equals_its_formula():
  q, k, v = _qkv()
  scores = jnp.einsum('bthd,bshd->bhts', q, k) / 2  # sqrt(4 channels)
  expected = jnp.einsum('bhts,bshd->bthd', jax.nn.softmax(scores), v)
  np.testing.assert_allclose(
    attention.softmax_attention(q, k, v), expected, atol=1e-5
  )


def test_linear_attention_equals_its_quadratic_form():
  q, k, v = _qkv()

  def feature(x):
    return jax.nn.elu(x) + 1

  weights = jnp.einsum('bthd,bshd->bhts', feature(q), feature(k))
  weights = weights / weights.sum(-1, keepdims=True)
  expected = jnp.einsum('bhts,bshd->bthd', weights, v)
  np.testing.assert_allclose(
    attention.linear_attention(q, k, v), expected, atol=1e-5
  )


@pytest.mark.parametrize('kind', ['softmax', 'linear'])
def test_attention_does_not_see_the_order_of_a_sequence(kind):
  module = attention.Attention(kind, heads=2)
  x = _normal(2, 6, 4)
  variables = module.init(jax.random.key(1), x)
  order = np.array([3, 1, 5, 0, 2, 4])
  np.testing.assert_allclose(
    module.apply(variables, x)[:, order],
    module.apply(variables, x[:, order]),
    atol=1e-5,
  )


def test_a_wrong_kind_or_number_of_heads_is_one_line():
  x = jnp.ones((1, 4, 6))
  with pytest.raises(errors.UserError, match="did you mean 'linear'"):
    attention.Attention('lineer').init(jax.random.key(0), x)
  with pytest.raises(errors.UserError, match=r'6 channels .* 4 heads'):
    attention.Attention(heads=4).init(jax.random.key(0), x)
  with pytest.raises(errors.UserError, match='unknown norm'):
    layers.Norm('bath').init(jax.random.key(0), x)


def test_squeeze_excite_scales_channels_alike_everywhere():
  module = mbconv.SqueezeExcite(2)
  x = _normal(2, 5, 5, 4)
  y = module.apply(module.init(jax.random.key(1), x), x)
  gate = y / x
  np.testing.assert_allclose(
    gate, jnp.broadcast_to(gate[:, :1, :1], gate.shape), rtol=1e-4
  )
  assert 0 <= gate.min() <= gate.max() <= 1


def test_parameters_grow_with_depth():
  def kernels(depth):
    stage = staged.Stage(8, 1, depth, mbconv.MBConv(expand=2))
    shapes = rewrite.abstract_variables(stage, (6, 6, 8))
    return len(jax.tree.leaves(shapes['params']))

  assert kernels(3) == 3 * kernels(1)


def test_batch_norm_uses_the_batch_in_training_only():
  norm = layers.Norm()
  x = 3 + 2 * _normal(64, 5)
  variables = norm.init(jax.random.key(0), x)
  y, changed = norm.apply(variables, x, True, mutable=['batch_stats'])
  np.testing.assert_allclose(y.mean(0), 0, atol=1e-5)
  np.testing.assert_allclose(y.std(0), 1, atol=1e-3)
  np.testing.assert_allclose(norm.apply(variables, x), x, rtol=1e-4)
  moved = jax.tree.leaves(changed)[0]
  assert jnp.abs(moved).max() > 0


def test_dropout_rests_at_inference():
  net = staged.StagedNet(
    (), stem=4, stem_stride=1, head=0, classes=3, dropout=0.5
  )
  x = _normal(2, 4, 4, 1)
  variables = net.init(jax.random.key(0), x)
  apply = functools.partial(net.apply, variables, x)
  np.testing.assert_array_equal(apply(), apply())

  def run(seed):
    key = jax.random.key(seed)
    return apply(train=True, mutable=['batch_stats'], rngs={'dropout': key})[0]

  assert jnp.abs(run(0) - run(1)).max() > 0
