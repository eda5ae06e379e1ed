"""Ranges and steps are created, found, trained, and missed by name."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effnas import errors, quant
from effnas.nn import layers, rewrite
from effnas.quant import lsq

SHAPE = (6, 6, 3)
METHODS = {
  'min_max': {},
  'moving_average': {'momentum': 0.5},
  'percentile': {'percent': 90.0, 'bins': 256},
  'mse': {'candidates': 20, 'bins': 256},
  'entropy': {'bins': 256},
}


def _model():
  return linen.Sequential(
    [
      layers.ConvNorm(6, 3, act=jax.nn.relu),
      layers.ConvNorm(6, 3, depthwise=True, act=jax.nn.relu),
      lambda x: x.mean((1, 2)),
      layers.Dense(4),
    ]
  )


def _net(*args, **settings):
  return rewrite.Rewritten(_model(), quant.rules(*args, **settings))


def _images(seed=1, n=8):
  return jax.random.normal(jax.random.key(seed), (n, *SHAPE))


def _variables(net=None):
  """As trained: the statistics are of the images."""
  net = net or rewrite.Rewritten(_model())
  variables = jax.jit(net.init)(jax.random.key(0), _images())
  collections = [name for name in variables if name != 'params']
  train = jax.jit(lambda v, x: net.apply(v, x, True, mutable=collections)[1])
  for seed in range(3):
    variables = {**variables, **train(variables, _images(seed))}
  return variables


def _inputs(variables):
  """Of the three layers in float, over two batches."""
  found = {}

  def record(next_call, args, kwargs, context):
    if isinstance(context.module, linen.Conv | linen.Dense):
      path = '/'.join(context.module.path)
      found.setdefault(path, []).append(args[0])
    return next_call(*args, **kwargs)

  with linen.intercept_methods(record):
    for seed in (5, 6):
      _model().apply(variables, _images(seed))
  return found


@pytest.mark.parametrize('method', METHODS)
def test_ranges_are_those_of_the_float_networks_inputs(method):
  net = _net(4, 4, ranges='static', patterns={'layers_3': 32})
  variables = _variables()
  batches = [_images(5), _images(6)]
  found = quant.calibrate(net, variables, batches, method, **METHODS[method])
  layers_ = {k: v['conv'] for k, v in found['ranges'].items()}
  assert set(layers_) == {'layers_0', 'layers_1'}
  inputs = _inputs(variables)
  for name, got in layers_.items():
    first, second = inputs[f'{name}/conv']
    low, high = float(got['low']), float(got['high'])
    assert got['momentum'] == 1
    least, most = (
      [float(f(x)) for x in (first, second)] for f in (jnp.min, jnp.max)
    )
    if method == 'min_max':
      assert (low, high) == (min(least), max(most))
    elif method == 'moving_average':
      assert (low, high) == pytest.approx((np.mean(least), np.mean(most)))
    else:  # They cut what is rare.
      assert min(least) <= low
      assert 0.1 * max(most) < high <= max(most)
      assert method == 'entropy' or high < max(most)
  # The rest is as it was.
  again = {k: v for k, v in found.items() if k != 'ranges'}
  assert jax.tree.all(jax.tree.map(lambda a, b: a is b, again, variables))


def test_training_follows_the_batches_until_ranges_are_calibrated():
  net = _net(8, 8, ranges='static')
  variables = jax.jit(net.init)(jax.random.key(0), _images())
  assert all(
    jnp.isnan(layer['low']) for layer in [variables['ranges']['layers_3']]
  )
  train = jax.jit(
    lambda v, x: net.apply(v, x, True, mutable=['ranges', 'batch_stats'])[1]
  )
  x, y = _images(5), 2 * _images(6)
  once = {**variables, **train(variables, x)}
  twice = {**once, **train(once, y)}
  first, second = (
    v['ranges']['layers_0']['conv']['high'] for v in (once, twice)
  )
  assert first == x.max()
  np.testing.assert_allclose(second, 0.9 * x.max() + 0.1 * y.max(), rtol=1e-6)
  fixed = quant.calibrate(net, twice, [x])
  moved = train(fixed, y)['ranges']
  assert moved == fixed['ranges']
  # Inference leaves them, too, and conversion takes them.
  served, integer = quant.convert(net, twice, SHAPE)
  np.testing.assert_array_equal(
    jax.jit(served.apply)(integer, x), jax.jit(net.apply)(twice, x)
  )


def test_steps_start_as_in_the_paper_and_learn():
  net = _net(3, 3, learned=True, zero_point='activations')
  variables = jax.jit(net.init)(jax.random.key(0), _images())
  shapes = rewrite.abstract_variables(net, SHAPE)
  assert jax.tree.map(jnp.shape, shapes) == jax.tree.map(jnp.shape, variables)
  variables = quant.calibrate(net, variables, [_images(5), _images(6)])
  params = variables['params']
  conv = params['layers_0']['conv']
  np.testing.assert_allclose(
    conv['kernel_step'],
    2 * jnp.abs(conv['kernel']).mean((0, 1, 2)) / 3**0.5,
    rtol=1e-6,
  )
  x = jnp.concatenate([_images(5), _images(6)])
  np.testing.assert_allclose(
    conv['input_step'], 2 * jnp.abs(x).mean() / 7**0.5, rtol=1e-5
  )
  target = jax.random.normal(jax.random.key(9), (8, 4))

  @jax.jit
  def step(params, state):
    def loss(params):
      out = net.apply({**variables, 'params': params}, _images())
      return ((out - target) ** 2).mean()

    value, grads = jax.value_and_grad(loss)(params)
    updates, state = tx.update(grads, state)
    return optax.apply_updates(params, updates), state, value

  tx, losses, trained = optax.adam(3e-3), [], params
  state = tx.init(params)
  for _ in range(60):
    trained, state, loss = step(trained, state)
    losses.append(float(loss))
  assert losses[-1] < 0.75 * losses[0]
  for layer in ('layers_0', 'layers_1'):
    for name in ('kernel_step', 'input_step'):
      before, after = (p[layer]['conv'][name] for p in (params, trained))
      assert (before != after).mean() > 0.7  # One channel may be dead.
  # A step that an optimiser takes below 0 counts by its magnitude.
  flipped = jax.tree_util.tree_map_with_path(
    lambda path, w: -w if 'step' in path[-1].key else w, trained
  )
  apply = jax.jit(net.apply)
  np.testing.assert_array_equal(
    apply({**variables, 'params': flipped}, _images()),
    apply({**variables, 'params': trained}, _images()),
  )


def test_the_step_of_a_kernel_gets_the_papers_gradient():
  net = rewrite.Rewritten(
    linen.Dense(3, use_bias=False), quant.rules(4, 32, learned=True)
  )
  x = jax.random.normal(jax.random.key(1), (7, 5))
  variables = net.init(jax.random.key(0), x)
  target = jax.random.normal(jax.random.key(2), (7, 3))

  def ours(params):
    return (net.apply({'params': params}, x) * target).sum()

  def paper(params):
    return ((x @ lsq.quantize(*params.values(), 4)) * target).sum()

  found = jax.grad(ours)(variables['params'])
  params = {k: variables['params'][k] for k in ('kernel', 'kernel_step')}
  expected = jax.grad(paper)(params)
  for name, value in expected.items():
    np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
  'settings',
  [
    {},
    {'ranges': 'static', 'zero_point': 'activations'},
    {'weights': 'e4m3', 'activations': 'e4m3', 'ranges': 'static'},
  ],
  ids=['dynamic', 'static', 'float8'],
)
def test_post_training_folds_calibrates_and_converts(settings):
  net, variables = _net(**settings), _variables()
  x = _images(5)
  served, integer = quant.post_training(
    net, variables, [x] if settings else (), SHAPE
  )
  assert set(integer) == {'params', 'quant'}  # No statistics are left.
  exact = rewrite.Rewritten(_model()).apply(variables, x)
  error = jnp.abs(jax.jit(served.apply)(integer, x) - exact).max()
  assert 1e-5 < error < 0.1 * jnp.abs(exact).max()


def test_what_calibration_cannot_use_is_told():
  net, variables = _net(4, ranges='static'), _variables()

  def refused(match, *args, **settings):
    with pytest.raises(errors.UserError, match=match):
      quant.calibrate(net, variables, *args, **settings)

  refused('needs a batch with values; got none', [])
  refused('needs a batch', [jnp.zeros((0, *SHAPE))])
  bad = _images().at[0, 0, 0, 0].set(jnp.inf)
  refused("1 of those of 'layers_0/conv' are not", [_images(), bad])
  large = jax.tree.map(lambda w: w, variables)
  kernel = large['params']['layers_0']['conv']['kernel']
  large['params']['layers_0']['conv']['kernel'] = kernel * 1e38
  with pytest.raises(errors.UserError, match="'layers_1/conv' are not"):
    quant.calibrate(net, large, [_images()])
  refused("'min_max'|min_max", [_images()], 'max')
  refused('momentum', [_images()], 'moving_average', momentun=0.5)
  with pytest.raises(errors.UserError, match='entropy takes 2 to 8 bits'):
    quant.calibrate(
      _net(4, 1, ranges='static'), variables, [_images()], 'entropy'
    )


def test_missing_ranges_and_steps_are_named():
  x = _images()
  for settings, what in (
    ({'ranges': 'static'}, 'range'),
    ({'learned': True}, 'step'),
  ):
    net = _net(**settings)
    with pytest.raises(
      errors.UserError, match=f"'layers_0/conv' has no {what}"
    ):
      quant.convert(net, _variables(), SHAPE)
    with pytest.raises(errors.UserError, match=r'lack .*layers_0/conv'):
      net.apply(_variables(), x)
  net = _net(ranges='static')
  drawn = net.init(jax.random.key(0), x)
  with pytest.raises(errors.UserError, match="'layers_0/conv' has no range"):
    net.apply(drawn, x)
  with pytest.raises(errors.UserError, match="'layers_0/conv' has no range"):
    quant.convert(net, drawn, SHAPE)
  with pytest.raises(errors.UserError, match='lack quant/layers_0/conv'):
    quant.serving(net).apply(drawn, x)


@pytest.mark.parametrize(
  ('settings', 'match'),
  [
    ({'weights': 9}, '1 to 8 bits, 32 for float, or one of binary.*got 9'),
    ({'weights': True}, 'got True'),
    ({'weights': 'int8'}, "got 'int8'"),
    ({'activations': 'ternary'}, 'one of e4m3, e5m2; got'),
    ({'activations': 0}, 'got 0'),
    ({'scales': 'row'}, "'channel', 'tensor' or .*got 'row'"),
    ({'scales': 0}, 'got 0'),
    ({'zero_point': True}, 'zero_point is one of none, .*got True'),
    ({'ranges': 'min_max'}, 'ranges is one of dynamic, static'),
    ({'weights': 'e4m3', 'zero_point': 'both'}, 'integer codes; .*e4m3'),
    ({'weights': 1, 'learned': True}, '2 to 8 bits; got weights=1'),
    ({'activations': 'e5m2', 'learned': True}, "got activations='e5m2'"),
    ({'zero_point': 'both', 'learned': True}, 'symmetric; got .*both'),
    ({'ranges': 'static', 'learned': True}, 'in place of static ranges'),
    ({'patterns': {'a': {'bits': 4}}}, "setting of 'a'"),
    ({'patterns': {'a': 12}}, 'got 12'),
  ],
)
def test_settings_that_do_not_go_are_refused(settings, match):
  with pytest.raises(errors.UserError, match=match):
    quant.rules(**settings)


def test_groups_that_do_not_divide_name_the_layer():
  net, variables = _net(4, scales=6), _variables()
  message = "27 in 'layers_0/conv'; got 6, take 3"
  with pytest.raises(errors.UserError, match=message):
    net.apply(variables, _images())
  with pytest.raises(errors.UserError, match=message):
    quant.convert(net, variables, SHAPE)


def test_patterns_carry_the_other_settings():
  found = quant.rules(
    'ternary',
    zero_point='activations',
    patterns={
      'stem': 8,
      'mid': {'weights': 4, 'zero_point': 'none', 'scales': 32},
      'head': 'e4m3',
      'rest': 32,
    },
  )
  told = [(r.weights, r.scheme.weights, r.scheme.zero_point) for r in found]
  assert told == [
    (8, 'integer', 'activations'),
    (4, 'integer', 'none'),
    (8, 'e4m3', 'activations'),
    (32, 'integer', 'activations'),
    (2, 'ternary', 'activations'),
  ]
  assert [rule.scheme.scales for rule in found[:2]] == ['channel', 32]
