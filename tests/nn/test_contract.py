"""What every block, mixer and embedding promises; found, not listed.

A new file in `effnas/nn/blocks`, `attention` or `embeddings` is tested here
without an edit.
"""

import functools

from flax import linen
import formula
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import footprint, quant
from effnas.nn import attention, blocks, embeddings, multi_head, rewrite

BLOCKS = blocks.variants()
MIXERS = attention.variants()
EMBEDDINGS = embeddings.variants()
# Odd, and not alike, so that axes cannot be mixed up.
SHAPE = (10, 6, 16)
TOKENS = (7,)


class OnMaps(linen.Module):
  """Lets a mixer stand where a block stands."""

  mixer: linen.Module
  heads: int = 4
  kv_heads: int = 0

  @linen.compact
  def __call__(self, x, train=False):
    return multi_head.MultiHeadAttention(
      self.mixer, self.heads, self.kv_heads, name='attention'
    )(x)


class OnTokens(linen.Module):
  """Lets an embedding stand where a block stands."""

  embedding: linen.Module

  @linen.compact
  def __call__(self, x, train=False):
    return self.embedding.copy(name='embed')(x)


MODULES = {
  **{f'block {k}': v for k, v in BLOCKS.items()},
  **{f'mixer {k}': OnMaps(v) for k, v in MIXERS.items()},
  **{f'embedding {k}': OnTokens(v) for k, v in EMBEDDINGS.items()},
}
each = pytest.mark.parametrize('name', MODULES)


def _one_of_a_kind():
  """Names; where several are of one class, all but the first are slow."""
  seen = set()
  for name, module in MODULES.items():
    kind = type(module), type(getattr(module, 'mixer', None))
    again = kind in seen
    seen.add(kind)
    yield pytest.param(name, marks=pytest.mark.slow if again else ())


of_a_kind = pytest.mark.parametrize('name', [*_one_of_a_kind()])


def _input(name, batch=2):
  if name.startswith('embedding'):
    return jax.random.randint(jax.random.key(0), (batch, *TOKENS), 0, 1000)
  return jax.random.normal(jax.random.key(0), (batch, *SHAPE))


@functools.cache
def _variables(name):
  return jax.jit(MODULES[name].init)(jax.random.key(1), _input(name))


def _train(net, variables, x):
  """Runs in training mode: (outputs, changed state)."""
  state = [c for c in variables if c != 'params']
  return net.apply(
    variables, x, True, mutable=state, rngs={'dropout': jax.random.key(2)}
  )


@pytest.mark.parametrize('name', BLOCKS)
@pytest.mark.parametrize(('features', 'stride'), [(0, 1), (24, 1), (24, 2)])
def test_a_block_gives_the_shape_and_dtype_it_is_asked_for(
  name, features, stride
):
  block = BLOCKS[name].copy(features=features, stride=stride)
  height, width, channels = SHAPE
  y, variables = jax.eval_shape(
    block.init_with_output, jax.random.key(0), _input(name)
  )
  rows, columns = -(-height // stride), -(-width // stride)
  assert y.shape == (2, rows, columns, features or channels)
  params, x = jax.tree.map(
    lambda v: jax.ShapeDtypeStruct(v.shape, jnp.bfloat16),
    (variables['params'], _input(name)),
  )
  y = jax.eval_shape(block.apply, {**variables, 'params': params}, x)
  assert y.dtype == jnp.bfloat16


@pytest.mark.parametrize('name', BLOCKS)
@pytest.mark.parametrize(('features', 'stride'), [(0, 1), (24, 2)])
def test_a_block_costs_what_its_docstring_says(name, features, stride):
  block = BLOCKS[name].copy(features=features, stride=stride)
  height, width, channels = SHAPE
  out = (-(-height // stride), -(-width // stride), features or channels)
  expected = formula.of(block, SHAPE, out)['MACs']
  counted = footprint.measure(block, SHAPE)['macs']
  assert counted == expected > 0
  assert footprint.unknown(block, SHAPE) == []


@pytest.mark.parametrize('name', MIXERS)
@pytest.mark.parametrize('kv_heads', [0, 2, 1])
def test_a_mixer_costs_what_its_docstring_says(name, kv_heads):
  net = OnMaps(MIXERS[name], kv_heads=kv_heads)
  inner = multi_head.MultiHeadAttention(MIXERS[name], kv_heads=kv_heads)
  assert (
    footprint.measure(net, SHAPE)['macs']
    == (formula.of(inner, SHAPE, SHAPE)['MACs'])
  )
  assert footprint.unknown(net, SHAPE) == []


@pytest.mark.parametrize('name', EMBEDDINGS)
def test_an_embedding_costs_what_its_docstring_says(name):
  net = OnTokens(EMBEDDINGS[name])
  cost = formula.run(
    net.embedding,
    {
      'T': TOKENS[0],
      'F': net.embedding.features,
      'V': net.embedding.vocabulary,
    },
  )
  found = footprint.measure(net, TOKENS, input_dtype='int32')
  assert found['macs'] == cost['MACs']
  assert found['params'] == cost['parameters']
  assert footprint.unknown(net, TOKENS, input_dtype='int32') == []


@of_a_kind
def test_gradients_reach_every_parameter_and_the_input(name):
  net, x, variables = MODULES[name], _input(name), _variables(name)

  def loss(params, x):
    y, _ = _train(net, {**variables, 'params': params}, x)
    return jnp.sum(jnp.sin(3 * y) ** 2)

  floating = jnp.issubdtype(x.dtype, jnp.floating)
  which = (0, 1) if floating else 0
  gradients = jax.jit(jax.grad(loss, which))(variables['params'], x)
  for path, gradient in jax.tree.leaves_with_path(gradients):
    assert jnp.isfinite(gradient).all(), path
    assert jnp.abs(gradient).max() > 0, path


@of_a_kind
def test_bfloat16_stays_bfloat16_and_near_float32(name):
  net, x, variables = MODULES[name], _input(name), _variables(name)
  half = jax.tree.map(
    lambda v: (
      v.astype(jnp.bfloat16) if jnp.issubdtype(v.dtype, jnp.floating) else v
    ),
    (variables['params'], x),
  )

  @jax.jit
  def run(params, x):
    return net.apply({**variables, 'params': params}, x)

  exact, rounded = run(variables['params'], x), run(*half)
  assert rounded.dtype == jnp.bfloat16
  error = jnp.linalg.norm((rounded.astype(jnp.float32) - exact).ravel())
  assert error < 0.1 * jnp.linalg.norm(exact.ravel())


@of_a_kind
def test_quantized_it_learns_and_converts(name):
  x, variables = _input(name), _variables(name)
  shape, dtype = x.shape[1:], x.dtype
  net = rewrite.Rewritten(MODULES[name], quant.rules(8, 8))
  kernels = {
    '/'.join(k.key for k in path[:-1])
    for path, _ in jax.tree.leaves_with_path(variables['params'])
    if path[-1].key == 'kernel'
  }
  assert kernels == set(quant.quantized(net, shape, dtype))

  def loss(params):
    y, _ = _train(net, {**variables, 'params': params}, x)
    return jnp.sum(jnp.sin(3 * y) ** 2)

  for path, g in jax.tree.leaves_with_path(
    jax.jit(jax.grad(loss))(variables['params'])
  ):
    assert jnp.isfinite(g).all(), path
    assert jnp.abs(g).max() > 0, path
  served, integer = quant.convert(net, variables, shape, dtype)
  fake = jax.jit(net.apply)(variables, x)
  exact = jax.jit(served.apply)(integer, x)
  np.testing.assert_allclose(fake, exact, atol=0.05 * jnp.abs(fake).max())


@pytest.mark.parametrize(
  'name', [k for k, v in MIXERS.items() if getattr(v, 'causal', False)]
)
def test_causality_is_seen_in_gradients(name):
  net = multi_head.MultiHeadAttention(MIXERS[name])
  x = jax.random.normal(jax.random.key(0), (1, 40, 16))
  variables = net.init(jax.random.key(1), x)

  @jax.jit
  def influence(x):  # [T, S]: of position s on position t
    jacobian = jax.jacrev(lambda x: net.apply(variables, x)[0].sum(-1))(x)
    return jnp.abs(jacobian[:, 0]).max(-1)

  seen = np.asarray(influence(x))
  assert np.triu(seen, 1).max() == 0
  assert np.diag(seen).min() > 0
