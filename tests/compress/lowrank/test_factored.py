"""Factored layers: equal at full rank, ordinary to all that looks at them."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, footprint, quant
from effnas.compress.lowrank import factored, grown
from effnas.nn import layers, rewrite, staged
from effnas.nn.blocks import mbconv

SHAPE = (9, 9, 4)


class Users(linen.Module):
  """Layers of many kinds, one of them called twice."""

  @linen.compact
  def __call__(self, x):
    x = linen.Conv(6, (3, 3), strides=2, name='window')(x)
    x = jax.nn.relu(x)
    x = linen.Conv(6, (3, 3), feature_group_count=6, name='depthwise')(x)
    x = linen.Conv(8, (1, 1), strides=(2, 1), name='point')(x)
    twice = linen.Dense(8, name='twice')
    x = twice(jnp.tanh(twice(x)))
    return layers.Dense(5, use_bias=False, name='head')(x.mean((1, 2)))


def _x(n=3, shape=SHAPE):
  values = np.random.default_rng(0).normal(size=(n, *shape))
  return jnp.asarray(values, jnp.float32)


def _init(model, x=None):
  x = _x() if x is None else x
  variables = jax.jit(model.init)(jax.random.key(0), x)
  return jax.tree.map(  # biases are zeros, which would hide a lost one
    lambda w: w + 0.1 * jnp.cos(jnp.arange(w.size)).reshape(w.shape), variables
  )


LAYERS = {
  'dense': (linen.Dense(6), 4, SHAPE),
  'our dense': (layers.Dense(3, use_bias=False), 3, SHAPE),
  'point': (layers.Conv(6, (1, 1), strides=2), 4, SHAPE),
  'padded point': (linen.Conv(6, (1, 1), padding=1), 4, SHAPE),
  'window': (layers.Conv(6, (3, 3), strides=2, padding=1), (4, 6), SHAPE),
  'dilated': (linen.Conv(3, (3, 3), kernel_dilation=2), (4, 3), SHAPE),
  'circular': (linen.Conv(5, (3, 1), padding='CIRCULAR'), (4, 5), SHAPE),
  'transposed': (
    linen.Conv(5, (3, 3), input_dilation=2, padding=1),
    (4, 5),
    SHAPE,
  ),
  'sequence': (linen.Conv(5, 3, strides=2), (4, 5), (9, 4)),
  'volume': (linen.Conv(3, (3, 3, 3)), (4, 3), (4, 4, 4, 4)),
}


@pytest.mark.parametrize('name', LAYERS)
def test_at_full_rank_a_layer_is_itself(name):
  layer, rank, shape = LAYERS[name]
  x = _x(2, shape)
  variables = _init(layer, x)
  net, few = factored.convert(
    layer, variables, [factored.Factored(rank=rank)], shape
  )
  middle = {'core'} if isinstance(rank, tuple) else set()
  assert few['params'].keys() == {'reduce', 'expand'} | middle
  np.testing.assert_allclose(
    jax.jit(net.apply)(few, x), jax.jit(layer.apply)(variables, x), atol=2e-5
  )
  shapes = rewrite.abstract_variables(net, shape)
  assert jax.tree.map(jnp.shape, few) == jax.tree.map(lambda x: x.shape, shapes)


def test_a_layer_of_lower_rank_computes_with_the_nearest_kernel():
  layer, x = linen.Dense(6), _x()
  variables = _init(layer)
  net, few = factored.convert(
    layer, variables, [factored.Factored(rank=2)], SHAPE
  )
  u, s, v = np.linalg.svd(np.asarray(variables['params']['kernel']))
  near = (u[:, :2] * s[:2]) @ v[:2]
  expected = np.asarray(x) @ near + np.asarray(variables['params']['bias'])
  np.testing.assert_allclose(net.apply(few, x), expected, atol=1e-5)


def _rules():
  return [
    factored.Factored('window', (4, 6)),
    factored.Factored('point', 6),
    factored.Factored('head', 5),
    factored.Factored('*', 8),
  ]


def test_a_network_with_a_layer_called_twice_is_itself_at_full_rank():
  model = Users()
  variables = _init(model)
  net, few = factored.convert(model, variables, _rules(), SHAPE)
  assert 'kernel' in few['params']['depthwise']
  assert few['params']['twice'].keys() == {'reduce', 'expand'}
  np.testing.assert_allclose(
    jax.jit(net.apply)(few, _x()),
    jax.jit(model.apply)(variables, _x()),
    atol=2e-5,
  )


def test_a_grown_network_trains_from_scratch_and_counts_as_it_is():
  model = Users()
  rules = (
    factored.Factored('window', (2, 3)),
    factored.Factored('twice', 2),
  )
  net = grown.Grown(model, rules)
  variables = _init(net)
  gradients = jax.jit(
    jax.grad(lambda p: (net.apply({'params': p}, _x()) ** 2).sum())
  )(variables['params'])
  for slope in jax.tree.leaves(gradients):
    assert jnp.abs(slope).max() > 0
  ours, whole = (footprint.measure(m, SHAPE) for m in (net, model))
  counted = sum(x.size for x in jax.tree.leaves(variables['params']))
  assert ours['params'] == counted
  window = 4 * 2 + 9 * 2 * 3 + 3 * 6, 9 * 4 * 6
  twice = 2 * 8 * 2, 8 * 8
  assert ours['params'] - whole['params'] == sum(
    few - many for few, many in (window, twice)
  )
  # 9x9 before the stride, 5x5 behind it; the dense layer twice on 3x5.
  few = 81 * 4 * 2 + 25 * (9 * 2 * 3 + 3 * 6) + 2 * 15 * 32
  many = 25 * 9 * 4 * 6 + 2 * 15 * 64
  assert ours['macs'] - whole['macs'] == few - many


def test_batch_statistics_stay_and_train_is_passed_on():
  model = staged.StagedNet(
    stages=(staged.Stage(8, 1, 1, mbconv.MBConv(expand=2, se=True)),),
    stem=8,
    stem_stride=1,
    head=0,
    classes=5,
    act=jax.nn.relu,
  )
  variables = _init(model)
  rules = [factored.Factored('stem/conv', (4, 8))]
  net, few = factored.convert(model, variables, rules, SHAPE)
  assert few['batch_stats'].keys() == variables['batch_stats'].keys()
  for train in (False, True):
    ours, theirs = (
      jax.jit(m.apply, static_argnames=('train', 'mutable'))(
        v, _x(), train=train, mutable='batch_stats'
      )
      for m, v in ((net, few), (model, variables))
    )
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), ours, theirs
    )


class Fields(linen.Module):
  """A model whose parts stand in a field and are called as they are."""

  parts: tuple[linen.Module, ...] = (linen.Dense(5), linen.Dense(3))

  @linen.compact
  def __call__(self, x):
    for part in self.parts:
      x = part(x)
    return x


def test_layers_in_fields_are_found_under_wrappers():
  model, rules = Fields(), [factored.Factored('parts_1', 2)]
  variables = _init(model)
  net, few = factored.convert(model, variables, rules, SHAPE)
  assert few['params']['parts_1'].keys() == {'reduce', 'expand'}
  shapes = rewrite.abstract_variables(net, SHAPE)
  assert jax.tree.map(jnp.shape, few) == jax.tree.map(lambda x: x.shape, shapes)
  wrapped = rewrite.Rewritten(net)
  np.testing.assert_array_equal(wrapped.apply(few, _x()), net.apply(few, _x()))


def test_factored_layers_quantize_and_convert_like_others():
  model, rules = Users(), _rules()
  net, few = factored.convert(model, _init(model), rules, SHAPE)
  left = grown.paths(model, rules, SHAPE)
  assert set(left) == {'window', 'point', 'twice', 'head'}
  eight = rewrite.Rewritten(
    net, quant.rules(8, patterns=dict.fromkeys(left, quant.FLOAT))
  )
  there = quant.quantized(eight, SHAPE)
  assert {'window/core', 'twice/reduce', 'head/expand'} < set(there)
  served, integer = quant.convert(eight, few, SHAPE)
  assert integer['params']['window']['core']['kernel'].dtype == jnp.int8
  exact = jax.jit(net.apply)(few, _x())
  for quantized, variables in ((eight, few), (served, integer)):
    near = jax.jit(quantized.apply)(variables, _x())
    assert 0 < jnp.abs(near - exact).max() < 0.1 * jnp.abs(exact).max()


def test_two_ranks_through_one_jitted_function_stay_apart():
  apply = jax.jit(lambda net, v: net.apply(v, _x()), static_argnums=0)
  layer = linen.Dense(6)
  for rank in (1, 3):
    rules = [factored.Factored(rank=rank)]
    net, few = factored.convert(layer, _init(layer), rules, SHAPE)
    np.testing.assert_allclose(apply(net, few), net.apply(few, _x()), atol=1e-5)


@pytest.mark.parametrize(
  ('pattern', 'rank', 'message'),
  [
    ('head', 6, 'the rank of head is 1 to 5; got 6'),
    ('head', 0, 'the rank of head is 1 to 5; got 0'),
    ('window', 5, r'the rank of window is 1 to \(4, 6\); got 5'),
    ('window', (2, 7), r'1 to \(4, 6\); got \(2, 7\)'),
    ('point', (2, 2), r'point has no window and one rank; got \(2, 2\)'),
    ('depthwise', 2, "'depthwise' is for no layer"),
    ('nowhere', 2, "'nowhere' is for no layer"),
  ],
)
def test_ranks_that_a_layer_lacks_are_refused(pattern, rank, message):
  model, rules = Users(), [factored.Factored(pattern, rank)]
  shapes = rewrite.abstract_variables(model, SHAPE)
  with pytest.raises(errors.UserError, match=message):
    factored.convert(model, shapes, rules, SHAPE)
  if 'no layer' not in message:
    with pytest.raises(errors.UserError, match=message):
      rewrite.abstract_variables(grown.Grown(model, tuple(rules)), SHAPE)
