"""Masks and removal: by hand, in gradients, heads, blocks, training."""

import types

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, footprint, quant, train, zoo
from effnas.compress import structured
from effnas.nn import encoder, layers, multi_head, rewrite
from effnas.nn.blocks import mbconv, residual


class Small(linen.Module):
  """Convolution, normalisation, activation, convolution."""

  act: layers.Activation = jax.nn.relu

  @linen.compact
  def __call__(self, x, train=False):
    x = linen.Conv(3, (1, 1), use_bias=False, name='first')(x)
    x = linen.BatchNorm(not train, epsilon=0, name='norm')(x)
    return linen.Conv(1, (1, 1), name='last')(self.act(x))


def _one(values):
  return jnp.array(values, jnp.float32)


VARIABLES = {
  'params': {
    'first': {'kernel': _one([[[[1, 2, -1]]]])},
    'norm': {'scale': _one([1, 2, 3]), 'bias': _one([0, 1, 5])},
    'last': {'kernel': _one([[[[1], [10], [100]]]]), 'bias': _one([7])},
  },
  'batch_stats': {'norm': {'mean': _one([1, 2, 3]), 'var': _one([1, 4, 9])}},
}
X = _one([[[[4]]]])


def test_by_hand():
  # x = 4: (4 - 1) / 1 = 3; 2 (8 - 2) / 2 + 1 = 7; 3 (-4 - 3) / 3 + 5 < 0.
  net = Small()
  assert net.apply(VARIABLES, X).item() == 3 + 70 + 7
  groups = structured.groups(net, (1, 1, 1))
  kept = {'first': [True, False, True]}
  masked = structured.mask(VARIABLES, groups, kept)
  assert masked['params']['norm']['bias'].tolist() == [0, 0, 5]
  assert net.apply(masked, X).item() == 3 + 7
  small, few = structured.remove(net, VARIABLES, groups, kept, (1, 1, 1))
  assert small.apply(few, X).item() == 3 + 7
  assert few['params']['last']['kernel'].ravel().tolist() == [1, 100]
  assert few['batch_stats']['norm']['var'].tolist() == [1, 9]


def test_units_that_are_not_zero_under_a_mask_are_not_read():
  net = Small(jax.nn.sigmoid)
  groups = structured.groups(net, (1, 1, 1))
  kept = {'first': [False, True, False]}
  small, few = structured.remove(net, VARIABLES, groups, kept, (1, 1, 1))
  want = net.apply(structured.mask(VARIABLES, groups, kept), X)
  np.testing.assert_allclose(small.apply(few, X), want)


def test_masked_units_get_no_gradient(draw, halve):
  net, shape = mbconv.MBConv(6, expand=2, se=True), (6, 6, 4)
  variables, x = draw(net, shape)
  groups = structured.groups(net, shape)
  kept = halve(groups)
  where = structured.masks(variables['params'], groups, kept)

  def loss(params):
    y = net.apply({**variables, 'params': params}, x, True, mutable=True)[0]
    return (y**2).sum()

  params = structured.mask(variables, groups, kept)['params']
  slopes = jax.jit(jax.grad(loss))(params)
  producers = ('expand', 'depthwise')
  for name in producers:
    kernel = slopes[name]['conv']['kernel']
    cut = ~where[name]['conv']['kernel'][0, 0, 0]
    assert cut.any()
    assert not np.asarray(kernel)[..., cut].any()
    assert np.abs(np.asarray(kernel)[..., ~cut]).sum((0, 1, 2)).all()


def test_removal_leaves_the_gradients_of_what_is_kept(draw, halve):
  net, shape = residual.Basic(6, 2), (6, 6, 4)
  variables, x = draw(net, shape)
  groups = structured.groups(net, shape)
  kept = halve(groups)
  small, few = structured.remove(net, variables, groups, kept, shape)

  def slopes(net, variables):
    def loss(params):
      return (net.apply({**variables, 'params': params}, x) ** 2).sum()

    return jax.jit(jax.grad(loss))(variables['params'])

  whole = slopes(net, structured.mask(variables, groups, kept))
  _, want = structured.remove(
    net, {**variables, 'params': whole}, groups, kept, shape
  )
  got = slopes(small, few)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
    got,
    want['params'],
  )


class Attentive(linen.Module):
  """Flax's own attention and ours, in a user's network."""

  @linen.compact
  def __call__(self, x, train=False):
    x = linen.Dense(8, name='embed')(x)
    y = linen.LayerNorm()(x)
    x += linen.MultiHeadDotProductAttention(4, name='flax')(y)
    y = linen.RMSNorm(use_scale=False)(x)
    x += multi_head.MultiHeadAttention(heads=4, kv_heads=2, name='ours')(y)
    return linen.Dense(2)(x[:, 0])


def test_heads_and_width_of_a_user_s_network(draw, halve):
  net, shape = Attentive(), (5, 6)
  variables, x = draw(net, shape)
  groups = structured.groups(net, shape)
  found = [(group.name, group.kind, group.size) for group in groups]
  assert found == [
    ('embed', 'channels', 8),
    ('flax/query', 'heads', 4),
    ('flax/value', 'channels', 2),
    ('ours/qkv', 'heads', 2),
  ]
  kept = halve(groups)
  small, few = structured.remove(net, variables, groups, kept, shape)
  assert few['params']['flax']['query']['kernel'].shape == (4, 2, 2)
  assert few['params']['ours']['qkv']['kernel'].shape == (4, 8)
  want = jax.jit(net.apply)(structured.mask(variables, groups, kept), x)
  got = jax.jit(small.apply)(few, x)
  np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.parametrize(
  ('name', 'left'), [('layers_0/conv', 6), ('layers_1/project/conv', 4)]
)
def test_no_shortcut_appears_where_widths_meet(name, left, draw):
  """A block of 8 channels in and 6 out, then one of 4 and 6, of as many."""
  block = mbconv.MBConv(6, expand=1 if left == 6 else 2)
  net = linen.Sequential([
    layers.ConvNorm(8 if left == 6 else 4), block, linen.Dense(2),
  ])  # fmt: skip
  variables, x = draw(net, (6, 6, 3))
  groups = structured.groups(net, (6, 6, 3))
  size = {group.name: group.size for group in groups}[name]
  kept = {name: np.arange(size) < left}
  small, few = structured.remove(net, variables, groups, kept, (6, 6, 3))
  want = jax.jit(net.apply)(structured.mask(variables, groups, kept), x)
  got = jax.jit(small.apply)(few, x)
  np.testing.assert_allclose(got, want, atol=1e-6)


def test_blocks_that_add_to_their_input_are_taken_out(draw):
  net = linen.Sequential(
    [
      layers.ConvNorm(8),
      residual.Basic(),
      residual.Basic(6),
      encoder.EncoderLayer(multi_head.MultiHeadAttention(heads=2)),
    ]
  )
  shape = (6, 6, 3)
  assert structured.layers(net, shape) == ('layers_1', 'layers_3')
  variables, x = draw(net, shape)
  small, few = structured.remove_layers(net, variables, ['layers_1'], shape)
  params = jax.tree.map(jnp.zeros_like, variables['params']['layers_1'])
  stats = variables['batch_stats']
  want = net.apply(
    {
      'params': {**variables['params'], 'layers_1': params},
      'batch_stats': stats,
    },
    x,
  )
  # ConvNorm has no activation here, the block's relu acts on the sum.
  other = linen.Sequential([net.layers[0], jax.nn.relu, *net.layers[2:]])
  names = {
    'layers_0': 'layers_0',
    'layers_2': 'layers_2',
    'layers_3': 'layers_3',
  }
  renamed = {c: {names[k]: v for k, v in t.items()} for c, t in few.items()}
  np.testing.assert_allclose(other.apply(renamed, x), want, atol=1e-6)
  assert not np.allclose(small.apply(few, x), net.apply(variables, x))
  again = rewrite.abstract_variables(small, shape)
  assert jax.tree.map(np.shape, again) == jax.tree.map(np.shape, few)
  with pytest.raises(errors.UserError, match='block that adds to its input'):
    structured.remove_layers(net, variables, ['layers_2'], shape)


def test_what_was_narrowed_is_narrowed_again(draw, halve):
  network = zoo.miniatures()['resnet_cifar']
  net, shape = network.build(), network.input_shape
  variables, x = draw(net, shape)
  blocks = ['stages_0/block_0']
  net, variables = structured.remove_layers(net, variables, blocks, shape)
  for seed in range(2):
    groups = structured.groups(net, shape)
    kept = halve(groups, seed)
    want = jax.jit(net.apply)(structured.mask(variables, groups, kept), x)
    net, variables = structured.remove(net, variables, groups, kept, shape)
    got = jax.jit(net.apply)(variables, x)
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())
  assert isinstance(net.base, type(network.build()))


class Tiny(linen.Module):
  """A block between two layers."""

  @linen.compact
  def __call__(self, x, train=False):
    x = layers.ConvNorm(4, name='stem')(x, train)
    x = mbconv.MBConv(6, expand=4, name='block')(x, train)
    return layers.Dense(10, name='classifier')(x.mean((1, 2)))


def test_the_smaller_network_is_counted_quantized_and_trained():
  net, shape = Tiny(), (6, 6, 3)
  groups = structured.groups(net, shape)
  counts = structured.counts(groups, 0.5, leave=['stem/*'])
  small, shapes = structured.shrink(net, groups, counts, shape)
  before, after = (
    footprint.measure(rewrite.Rewritten(n), shape) for n in (net, small)
  )
  assert after['params'] == sum(
    leaf.size for leaf in jax.tree.leaves(shapes['params'])
  )
  assert after['macs'] < 0.6 * before['macs']
  rng = np.random.default_rng(0)
  split = types.SimpleNamespace(
    x=rng.normal(size=(8, *shape)).astype(np.float32),
    y=rng.integers(10, size=8).astype(np.int32),
  )
  data = types.SimpleNamespace(
    train=split, valid=split, kind='image', prepare=jnp.asarray
  )
  quantized = rewrite.Rewritten(small, quant.rules(8, 8))
  fitted = train.fit(
    quantized, data, epochs=1, batch_size=4, optim={'lr': 0.01}
  )
  assert np.isfinite(fitted.history[-1]['train_loss'])
  assert jax.tree.map(np.shape, fitted.variables) == jax.tree.map(
    np.shape, shapes
  )


def test_two_narrowed_networks_are_two_static_arguments():
  net = linen.Sequential((linen.Dense(4), linen.relu, linen.Dense(2)))
  groups = structured.groups(net, (3,))
  a, b, c = (
    structured.shrink(net, groups, {'layers_0': n}, (3,))[0] for n in (2, 2, 3)
  )
  assert a == b
  assert hash(a) == hash(b)
  assert a != c


@pytest.mark.parametrize(
  ('kept', 'message'),
  [
    ({'first': [False] * 3}, 'at least one unit of first is kept'),
    ({'first': [True]}, r'first takes booleans \[3\]'),
    ({'first': [0, 1, 1]}, 'first takes booleans'),
    ({'frist': [True] * 3}, "did you mean 'first'"),
  ],
)
def test_kept_units_are_checked(kept, message):
  groups = structured.groups(Small(), (1, 1, 1))
  with pytest.raises(errors.UserError, match=message):
    structured.mask(VARIABLES, groups, kept)


@pytest.mark.parametrize('count', [0, 4])
def test_counts_are_checked(count):
  groups = structured.groups(Small(), (1, 1, 1))
  with pytest.raises(errors.UserError, match='first has 1 to 3 units'):
    structured.shrink(Small(), groups, {'first': count}, (1, 1, 1))
