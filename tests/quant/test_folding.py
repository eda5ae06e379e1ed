"""A folded network gives the outputs of the one with normalisations."""

from flax import linen, traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, quant, zoo
from effnas.nn import batch_norm, layers, rewrite
from effnas.nn.blocks import residual
from effnas.quant import folding

FAST = ('mobilenet_v2', 'resnet')
# Families with batch normalisations that are not behind a convolution, or not
# alone there.
LEFT = {
  'wide_resnet': 'norm',
  'nasbench201': 'norm',
  'survey_cnn': 'norm_',
  'darts': 'norm',
}


def _variables(model, shape):
  """Values as if trained: statistics and parameters all differ."""
  shapes = rewrite.abstract_variables(model, shape)
  flat, rng = traverse_util.flatten_dict(shapes), np.random.default_rng(0)
  for path, leaf in flat.items():
    values = rng.normal(size=leaf.shape)
    if path[-1] == 'kernel':
      values *= (2 / np.prod(leaf.shape[:-1])) ** 0.5
    elif path[-1] in ('var', 'scale'):
      values = rng.uniform(0.5, 1.5, leaf.shape)
    else:
      values *= 0.2
    flat[path] = jnp.asarray(values, leaf.dtype)
  return traverse_util.unflatten_dict(flat)


def _families():
  for name, network in zoo.miniatures().items():
    if network.input_dtype == 'float32':
      marks = () if name in FAST else (pytest.mark.slow,)
      yield pytest.param(name, marks=marks)


@pytest.mark.parametrize('name', list(_families()))
def test_a_folded_family_gives_its_outputs(name):
  network = zoo.miniatures()[name]
  net = rewrite.Rewritten(network.build())
  shape = network.input_shape
  variables = _variables(net.model, shape)
  x = jax.random.normal(jax.random.key(1), (3, *shape))
  found = folding.fold(net, variables, shape)
  before = jax.jit(net.apply)(variables, x)
  after = jax.jit(found.net.apply)(found.variables, x)
  assert jnp.abs(before).max() > 1e-3
  np.testing.assert_allclose(after, before, atol=1e-5 * jnp.abs(before).max())
  # Nothing of what was folded is left, and all else is named.
  flat = traverse_util.flatten_dict(found.variables, sep='/')
  means = {k for k in flat if k.endswith('/mean')}
  assert means == {f'batch_stats/{path}/mean' for path in found.left}
  biases = {f'params/{path}/conv/bias' for path in found.paths}
  assert biases <= set(flat)
  if name in LEFT:
    assert found.left
    assert all(LEFT[name] in path for path in found.left)
  elif means:
    assert found.paths
  folded = tuple(f'params/{path}/normalise' for path in found.paths)
  assert not any(key.startswith(folded) for key in flat)


@pytest.mark.parametrize(
  'layer',
  [
    linen.Dense(6),
    linen.Dense(6, use_bias=False),
    linen.Conv(6, (3, 3)),
    linen.Conv(6, (3, 3), feature_group_count=3, use_bias=False),
    linen.Conv(6, (5, 3), 2, feature_group_count=3, kernel_dilation=2),
  ],
  ids=['dense', 'no_bias', 'conv', 'depthwise', 'dilated'],
)
def test_a_pair_of_any_kind_is_one_layer(layer):
  x = jax.random.normal(jax.random.key(2), (2, 9, 9, 3))
  values = _variables(layer, (9, 9, 3))['params']
  norm = linen.BatchNorm(True, epsilon=1e-3)
  normalise = _variables(norm, (6,))
  expected = norm.apply(normalise, layer.apply({'params': values}, x))
  kernel, bias = folding.fold_pair(
    values['kernel'],
    values.get('bias'),
    **normalise['params'],
    **normalise['batch_stats'],
    epsilon=1e-3,
  )
  one = layer.clone(use_bias=True, parent=None)
  found = one.apply({'params': {'kernel': kernel, 'bias': bias}}, x)
  np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize(
  'norm',
  [layers.Norm(epsilon=0.1), batch_norm.BatchNorm(epsilon=0.1)],
  ids=['by_name', 'itself'],
)
def test_epsilon_and_bias_are_the_modules_own(norm):
  net = rewrite.Rewritten(layers.ConvNorm(4, 3, bias=True, norm=norm))
  variables = _variables(net.model, (5, 5, 2))
  x = jax.random.normal(jax.random.key(3), (2, 5, 5, 2))
  found = folding.fold(net, variables, (5, 5, 2))
  assert found.paths == ('',)
  assert found.left == ()
  for train in (False, True):
    np.testing.assert_allclose(
      found.net.apply(found.variables, x, train=train),
      net.apply(variables, x),
      atol=1e-5,
    )
  # Without an operation for the normalisation.
  text = str(jax.make_jaxpr(found.net.apply)(found.variables, x))
  assert 'rsqrt' not in text
  assert 'rsqrt' in str(jax.make_jaxpr(net.apply)(variables, x))


def test_what_does_not_pair_is_left_and_named():
  class Subclass(layers.ConvNorm):
    pass

  for model, left in (
    (residual.PreActivation(8, 2), ('norm_1/batch', 'norm_2/batch')),
    (layers.ConvNorm(4, norm=layers.Norm('layer')), ()),
    (Subclass(4), ('normalise/batch',)),
    (
      linen.Sequential([linen.Conv(4, (1, 1)), linen.BatchNorm(True)]),
      ('layers_1',),
    ),
  ):
    net = rewrite.Rewritten(model)
    variables = _variables(model, (6, 6, 4))
    found = folding.fold(net, variables, (6, 6, 4))
    assert (found.net, found.paths, found.left) == (net, (), left)
    assert jax.tree.all(
      jax.tree.map(lambda a, b: a is b, found.variables, variables)
    )


def test_quantized_networks_fold_and_then_convert():
  network = zoo.miniatures()['mobilenet_v2']
  shape = network.input_shape
  net = rewrite.Rewritten(network.build(), quant.rules(8))
  variables = _variables(net.model, shape)
  x = jax.random.normal(jax.random.key(4), (4, *shape))
  found = folding.fold(net, variables, shape)
  served, integer = quant.convert(found.net, found.variables, shape)
  exact = rewrite.Rewritten(net.model).apply(variables, x)
  fake = jax.jit(found.net.apply)(found.variables, x)
  serve = jax.jit(served.apply)(integer, x)
  size = jnp.abs(exact).max()
  np.testing.assert_allclose(fake, exact, atol=0.1 * size)
  assert jnp.abs(fake - exact).max() > 1e-4 * size
  np.testing.assert_allclose(serve, fake, atol=0.02 * size)
  assert integer['params']['stem']['conv']['kernel'].dtype == jnp.int8
  # Rounded is the kernel that is deployed: the folded one.
  scale = integer['quant']['stem']['conv']['kernel_scale']
  kernel = found.variables['params']['stem']['conv']['kernel']
  rounded = integer['params']['stem']['conv']['kernel'] * scale
  assert (jnp.abs(rounded - kernel) <= 0.51 * scale).all()


def test_shapes_fold_without_values():
  network = zoo.miniatures()['mobilenet_v2']
  model, shape = network.build(), network.input_shape
  net = rewrite.Rewritten(model)
  shapes = rewrite.abstract_variables(model, shape)
  found = jax.eval_shape(
    lambda v: folding.fold(net, v, shape).variables, shapes
  )
  values = folding.fold(net, _variables(model, shape), shape).variables
  assert jax.tree.map(lambda a: (a.shape, a.dtype), found) == jax.tree.map(
    lambda a: (a.shape, a.dtype), values
  )


def test_an_order_that_makes_no_sense_is_refused():
  net = rewrite.Rewritten(layers.ConvNorm(4), quant.rules(8))
  variables = _variables(net.model, (4, 4, 2))
  found = folding.fold(net, variables, (4, 4, 2))
  with pytest.raises(errors.UserError, match=r'folded once.* a folded network'):
    folding.fold(found.net, found.variables, (4, 4, 2))
  served, integer = quant.convert(net, variables, (4, 4, 2))
  with pytest.raises(errors.UserError, match=r'before .* a converted network'):
    folding.fold(served, integer, (4, 4, 2))
