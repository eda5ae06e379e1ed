"""Quantization-aware training has gradients, and converts exactly."""

import dataclasses

from flax import linen, traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, quant
from effnas.nn import multi_head, rewrite, staged
from effnas.nn.attention import linear
from effnas.nn.blocks import mbconv, transformer

SHAPE = (8, 8, 3)


def _model():
  return staged.StagedNet(
    stages=(
      staged.Stage(16, 1, 1, mbconv.MBConv(expand=2, se=True)),
      staged.Stage(
        16,
        2,
        1,
        transformer.TransformerBlock(
          attention=multi_head.MultiHeadAttention(linear.Linear(), heads=2)
        ),
      ),
    ),
    stem=8,
    stem_stride=1,
    head=0,
    classes=5,
    act=jax.nn.silu,
  )


class Users(linen.Module):
  """Somebody's module of plain Flax layers, without a `train` argument."""

  @linen.compact
  def __call__(self, x):
    x = jax.nn.silu(linen.Conv(6, (3, 3))(x))
    x = x.reshape(x.shape[0], -1, 6)
    x = linen.MultiHeadDotProductAttention(2, qkv_features=6)(x)
    return linen.Dense(5)(x.mean(1))


MODELS = {'ours': _model(), "user's": Users()}


def _images(n=6):
  return jax.random.normal(jax.random.key(1), (n, *SHAPE))


def _kernel_gradients(net, variables):
  x = _images()
  labels = jnp.arange(len(x)) % 5

  def loss(params):
    logits, _ = net.apply(
      {**variables, 'params': params}, x, train=True, mutable=['batch_stats']
    )
    return -jax.nn.log_softmax(logits)[jnp.arange(len(x)), labels].mean()

  gradients = jax.jit(jax.grad(loss))(variables['params'])
  gradients = traverse_util.flatten_dict(gradients)
  return {k: g for k, g in gradients.items() if k[-1] == 'kernel'}


@pytest.mark.parametrize('model', MODELS.values(), ids=MODELS)
@pytest.mark.parametrize(('bits', 'least'), [(8, 0.9), (4, 0.5)])
def test_every_kernel_learns_in_the_float_direction(model, bits, least):
  net = rewrite.Rewritten(model, quant.rules(bits, 8))
  variables = jax.jit(net.init)(jax.random.key(0), _images())
  ours = _kernel_gradients(net, variables)
  float_ = _kernel_gradients(rewrite.Rewritten(model), variables)
  assert {'/'.join(k[:-1]) for k in ours} == set(quant.quantized(net, SHAPE))
  for path, g in ours.items():
    norms = jnp.linalg.norm(g) * jnp.linalg.norm(float_[path])
    assert norms > 0, path
    assert (g * float_[path]).sum() / norms > least, path


@pytest.mark.parametrize('model', MODELS.values(), ids=MODELS)
@pytest.mark.parametrize(
  ('weights', 'activations'), [(8, 8), (4, 8), (4, 4), (8, 32), (3, 5)]
)
def test_converted_logits_equal_the_fake_quantized(model, weights, activations):
  net = rewrite.Rewritten(model, quant.rules(weights, activations))
  variables = jax.jit(net.init)(jax.random.key(0), _images())
  served, integer = quant.convert(net, variables, SHAPE)
  dtype = jnp.int4 if weights <= 4 else jnp.int8
  for path in quant.quantized(net, SHAPE):
    kernel = integer['params']
    for name in path.split('/'):
      kernel = kernel[name]
    assert kernel['kernel'].dtype == dtype
  fake, exact = (
    jax.jit(net.apply)(variables, _images()),
    jax.jit(served.apply)(integer, _images()),
  )
  # Rounding in float32 may move an activation across a step of its 8 bits.
  np.testing.assert_allclose(fake, exact, atol=0.02 * jnp.abs(fake).max())
  assert jnp.median(jnp.abs(fake - exact)) < 1e-5


def test_single_layers_convert_to_the_bit():
  for layer in (
    linen.Dense(7),
    linen.Conv(7, (3, 3)),
    linen.Conv(3, (3, 3), feature_group_count=3),
  ):
    net = rewrite.Rewritten(layer, quant.rules(8))
    variables = jax.jit(net.init)(jax.random.key(0), _images())
    served, integer = quant.convert(net, variables, SHAPE)
    np.testing.assert_array_equal(
      net.apply(variables, _images()), served.apply(integer, _images())
    )


def test_a_result_does_not_depend_on_the_batch():
  net = rewrite.Rewritten(MODELS['ours'], quant.rules(4, 4))
  variables = jax.jit(net.init)(jax.random.key(0), _images())
  x = _images().at[1:].multiply(100.0)
  apply = jax.jit(net.apply)
  np.testing.assert_allclose(
    apply(variables, x)[:1], apply(variables, x[:1]), atol=1e-5
  )


def test_scaling_a_kernel_scales_its_output():
  net = rewrite.Rewritten(linen.Dense(7, use_bias=False), quant.rules(4, 4))
  x = jax.random.normal(jax.random.key(1), (3, 5))
  variables = net.init(jax.random.key(0), x)
  doubled = jax.tree.map(lambda w: 2 * w, variables)
  np.testing.assert_allclose(
    2 * net.apply(variables, x), net.apply(doubled, x), rtol=1e-6
  )


def test_patterns_hold_in_order_and_unused_ones_are_reported():
  found = quant.rules(4, patterns={'stem/*': 8, 'nowhere': 8, 'class*': 32})
  net = rewrite.Rewritten(MODELS['ours'], found)
  bits = {p: r.weights for p, (r, _) in quant.quantized(net, SHAPE).items()}
  assert bits.pop('stem/conv') == 8
  assert 'classifier' not in bits
  assert set(bits.values()) == {4}
  unused = rewrite.coverage(net.model, net.rules, SHAPE).unused
  assert [rule.pattern for rule in unused] == ['nowhere']


def test_two_policies_through_one_jitted_step_equal_their_eager_results():

  step = jax.jit(
    lambda net, variables, x: net.apply(variables, x), static_argnums=0
  )
  model = MODELS['ours']
  variables = model.init(jax.random.key(0), _images())
  results = []
  for bits in (8, 2, 8):
    net = rewrite.Rewritten(model, quant.rules(bits))
    jitted = step(net, variables, _images())
    if len(results) < 2:  # the third is the first again
      eager = net.apply(variables, _images())
      np.testing.assert_allclose(jitted, eager, atol=0.02)
    results.append(jitted)
  assert jnp.abs(results[0] - results[1]).max() > 0.05
  np.testing.assert_array_equal(results[0], results[2])


def test_bits_outside_one_to_eight_are_refused():
  with pytest.raises(errors.UserError, match='1 to 8'):
    quant.rules(9)


def test_rules_are_hashable_and_compare_by_value():
  rule = quant.Quantize('a', 4, 8)
  assert hash(rule) == hash(dataclasses.replace(rule))
  assert rule != quant.Serve('a', 4, 8)
