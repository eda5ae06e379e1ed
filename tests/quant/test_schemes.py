"""Every scheme trains, converts to the bit, and scales with its operands."""

import functools

from flax import linen, traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import quant
from effnas.footprint import weights
from effnas.nn import rewrite
from effnas.quant import computing, kernels, operands

SHAPE = (6, 6, 3)
SCHEMES = {
  'plain': {'weights': 8},
  'two_bits': {'weights': 2, 'activations': 4},
  'one_bit': {'weights': 1},
  'one_bit_inputs': {'weights': 4, 'activations': 1},
  'tensor': {'weights': 4, 'scales': 'tensor'},
  'group': {'weights': 3, 'scales': 3},
  'float_inputs': {'weights': 4, 'activations': 32, 'scales': 3},
  'asymmetric': {'weights': 4, 'activations': 8, 'zero_point': 'both'},
  'asymmetric_group': {'weights': 8, 'zero_point': 'weights', 'scales': 9},
  'asymmetric_bit': {'weights': 1, 'zero_point': 'weights'},
  'asymmetric_tensor': {
    'weights': 2,
    'zero_point': 'both',
    'scales': 'tensor',
  },
  'ternary': {'weights': 'ternary'},
  'ternary_group': {'weights': 'ternary', 'scales': 3},
  'binary': {'weights': 'binary'},
  'binary_tensor': {'weights': 'binary', 'scales': 'tensor'},
  'e4m3': {'weights': 'e4m3', 'activations': 'e4m3'},
  'e5m2': {'weights': 'e5m2', 'activations': 'e5m2', 'scales': 'tensor'},
  'e4m3_inputs': {'weights': 4, 'activations': 'e4m3'},
  'static': {'weights': 4, 'ranges': 'static'},
  'static_asymmetric': {
    'weights': 4,
    'activations': 4,
    'ranges': 'static',
    'zero_point': 'activations',
  },
  'static_e4m3': {
    'weights': 'e4m3',
    'activations': 'e4m3',
    'ranges': 'static',
  },
  'static_bit': {'weights': 4, 'activations': 1, 'ranges': 'static'},
  'learned': {'weights': 4, 'activations': 4, 'learned': True},
  'learned_unsigned': {
    'weights': 3,
    'learned': True,
    'zero_point': 'activations',
  },
  'learned_group': {'weights': 2, 'learned': True, 'scales': 3},
  'learned_weights': {
    'weights': 8,
    'activations': 32,
    'learned': True,
    'scales': 'tensor',
  },
}
FAST = (
  'one_bit',
  'tensor',
  'group',
  'asymmetric',
  'ternary',
  'binary',
  'e4m3',
  'static_asymmetric',
  'learned_unsigned',
)
# Of which gradients are near those of the float network.
FINE = ('plain', 'tensor', 'group', 'asymmetric', 'e4m3', 'static', 'learned')
FINE += ('asymmetric_group', 'e5m2', 'e4m3_inputs', 'float_inputs')
FINE += ('static_asymmetric', 'static_e4m3', 'learned_weights')
DTYPES = {
  'plain': jnp.int8,
  'two_bits': jnp.int2,
  'one_bit': jnp.bool_,
  'group': jnp.int4,
  'tensor': jnp.int4,
  'asymmetric': jnp.uint4,
  'asymmetric_group': jnp.uint8,
  'asymmetric_bit': jnp.bool_,
  'asymmetric_tensor': jnp.uint2,
  'ternary': jnp.int2,
  'binary': jnp.bool_,
  'e4m3': jnp.float8_e4m3fn,
  'e5m2': jnp.float8_e5m2,
  'learned_group': jnp.int2,
}
schemes = pytest.mark.parametrize(
  'scheme',
  [
    pytest.param(name, marks=() if name in FAST else pytest.mark.slow)
    for name in SCHEMES
  ],
)


class Net(linen.Module):
  """A convolution, a depthwise one, a dense layer, one with two outputs."""

  @linen.compact
  def __call__(self, x):
    x = jax.nn.relu(linen.Conv(6, (3, 3), name='conv')(x))
    x = linen.Conv(6, (3, 3), 2, feature_group_count=6, name='depthwise')(x)
    x = jax.nn.relu(x).reshape(x.shape[0], -1, 18)
    x = jax.nn.relu(linen.Dense(9, name='dense')(x))
    return linen.DenseGeneral((2, 3), axis=(1, 2), name='general')(x)


def _images(seed=1):
  return jax.random.normal(jax.random.key(seed), (5, *SHAPE))


@functools.cache
def _float():
  return jax.jit(Net().init)(jax.random.key(0), _images())


@functools.cache
def _ready(scheme):
  net = rewrite.Rewritten(Net(), quant.rules(**SCHEMES[scheme]))
  return net, quant.calibrate(net, _float(), [_images()])


@functools.cache
def _apply(scheme):
  return jax.jit(_ready(scheme)[0].apply)


def _gradients(net, variables):
  x, labels = _images(), jnp.arange(5) % 6

  def loss(params):
    logits = net.apply({**variables, 'params': params}, x).reshape(5, -1)
    return -jax.nn.log_softmax(logits)[jnp.arange(5), labels].mean()

  found = jax.jit(jax.grad(loss))(variables['params'])
  return traverse_util.flatten_dict(found, sep='/')


@functools.cache
def _float_gradients():
  return _gradients(rewrite.Rewritten(Net()), _float())


@schemes
def test_every_parameter_learns_in_the_float_direction(scheme):
  ours, float_ = _gradients(*_ready(scheme)), _float_gradients()
  steps = {path for path in ours if path.endswith('step')}
  assert len(steps) == 4 * SCHEMES[scheme].get('learned', False) * (
    1 + (SCHEMES[scheme].get('activations') != 32)
  )
  for path, g in ours.items():
    assert jnp.isfinite(g).all(), path
    norm = jnp.linalg.norm(g)
    assert norm > 0, path
    if path.endswith('kernel') and scheme in FINE:
      norm *= jnp.linalg.norm(float_[path])
      assert (g * float_[path]).sum() / norm > 0.6, path


@schemes
def test_converted_results_equal_the_trained_to_the_bit(scheme):
  net, variables = _ready(scheme)
  served, integer = quant.convert(net, variables, SHAPE)
  x = _images(seed=2)
  fake = _apply(scheme)(variables, x)
  # Sums of integers are exact; a compiler may order those of groups, which are
  # floats, in two ways.
  grouped = isinstance(SCHEMES[scheme].get('scales'), int)
  np.testing.assert_allclose(
    jax.jit(served.apply)(integer, x), fake, rtol=2e-6 * grouped
  )
  assert jnp.abs(fake - Net().apply(_float(), x)).max() > 1e-4
  # What is stored is narrow, of the promised shapes, and read back as it was.
  dtype = DTYPES.get(scheme)
  for layer in integer['params'].values():
    assert sorted(layer) == ['bias', 'kernel']
    assert dtype is None or layer['kernel'].dtype == dtype
  assert set(integer) == {'params', 'quant'}
  promised = jax.eval_shape(
    lambda v: quant.convert(net, v, SHAPE)[1], variables
  )
  assert promised == jax.eval_shape(lambda: integer)
  file = weights.serialize(integer)
  assert len(file) == weights.size_bytes(promised)
  read = weights.deserialize(file)
  assert jax.tree.all(
    jax.tree.map(lambda a, b: bool((a == np.asarray(b)).all()), read, integer)
  )


@schemes
def test_scaling_by_a_power_of_two_scales_the_result_exactly(scheme):
  net, variables = _ready(scheme)
  apply, x = _apply(scheme), _images()
  # Kernels of four layers and the input; biases are 0.
  doubled = jax.tree.map(lambda w: 2 * w, _float())
  doubled = quant.calibrate(net, doubled, [2 * x])
  np.testing.assert_array_equal(apply(doubled, 2 * x), 32 * apply(variables, x))


@schemes
def test_a_result_does_not_depend_on_the_batch(scheme):
  _, variables = _ready(scheme)
  apply, x = _apply(scheme), _images()
  others = x.at[1:].multiply(100.0)
  np.testing.assert_array_equal(
    apply(variables, others)[0], apply(variables, x)[0]
  )


@schemes
def test_kernels_have_the_gradient_of_what_they_stand_for(scheme):
  (rule,) = quant.rules(**SCHEMES[scheme])
  kernel = jax.random.normal(jax.random.key(3), (3, 6, 2, 3))
  weights = jax.random.normal(jax.random.key(4), kernel.shape)

  def value(operand):
    return operand.values * (1 if operand.scale is None else operand.scale)

  @jax.jit
  def both(kernel):
    step = None
    if rule.scheme.learned:
      step = kernels.initial_step(rule, kernel, 2, '')
    fake, pull = jax.vjp(
      lambda kernel: value(kernels.operand(rule, kernel, 2, step)), kernel
    )
    stored = kernels.store(rule, kernel, 2, step)
    again = value(kernels.stored_operand(rule, stored, 2, jnp.float32))
    return fake, again, pull(weights)[0] / weights

  fake, again, slope = both(kernel)
  np.testing.assert_array_equal(fake, again)
  inside = slope > 0.5
  if rule.scheme.weights == 'binary':
    outside = jnp.abs(kernel) > 1
    assert (slope[outside] < slope[~outside].min()).all()
  elif rule.scheme.learned:
    np.testing.assert_allclose(slope, inside, rtol=1e-5)
    assert inside.mean() > 0.5
  else:
    np.testing.assert_allclose(slope, 1, rtol=1e-5)
  if scheme == 'one_bit':  # It has no code for 0, and 1 as the bound.
    return
  # Weights that are all zero stay so, and can leave.
  fake, again, slope = both(jnp.zeros_like(kernel))
  assert (fake == 0).all()
  assert (again == 0).all()
  assert jnp.isfinite(slope).all()
  assert (slope > 0).all()


def test_dense_layers_accumulate_integers_where_they_can():
  for scheme, integers in {
    'tensor': True,
    'learned': True,
    'group': False,
    'static_asymmetric': False,
    'ternary': False,
  }.items():
    net, variables = _ready(scheme)
    served, integer = quant.convert(net, variables, SHAPE)
    for apply, held in ((net.apply, variables), (served.apply, integer)):
      text = str(jax.make_jaxpr(apply)(held, _images()))
      assert ('preferred_element_type=int32' in text) is integers, scheme


def test_products_of_8_bit_floats_are_the_devices_own_on_cuda():
  net, variables = _ready('e4m3')
  served = quant.convert(net, variables, SHAPE)
  for jitted, held in ((net, variables), served):
    traced = jax.jit(jitted.apply).trace(held, _images())
    for platform, its in (('cuda', True), ('cpu', False)):
      text = traced.lower(lowering_platforms=(platform,)).as_text()
      dots = [line for line in text.splitlines() if 'dot_general' in line]
      assert len(dots) == 2
      assert all(('f8E4M3FN' in line) is its for line in dots), platform


def test_a_large_group_is_the_whole_channel():
  _, variables = _ready('group')
  rule = quant.rules(3, scales=1000)[0]
  channel = quant.rules(3)[0]
  for layer in variables['params'].values():
    kernel = layer['kernel']
    outputs = 2 if kernel.ndim == 4 and kernel.shape[-2:] == (2, 3) else 1
    one, other = (kernels.operand(r, kernel, outputs) for r in (rule, channel))
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.scale, other.scale)


def test_static_ranges_clip():
  (rule,) = quant.rules(8, 4, ranges='static')
  grid = operands.static_grid(rule, jnp.float32(-1), jnp.float32(2))

  def total(x):
    values, scale = operands.of_inputs(rule, x, (), grid)
    return (values * scale).sum()

  x = jnp.array([-9.0, -1.0, 0.3, 1.5, 9.0])
  assert jax.grad(total)(x).tolist() == pytest.approx([0, 1, 1, 1, 0])
  ends = [float(total(x[i : i + 1])) for i in (0, 4)]
  np.testing.assert_allclose(ends, [-28 / 15, 28 / 15], rtol=1e-6)
  assert computing.is_static(rule)


@pytest.mark.slow
@pytest.mark.parametrize('scheme', SCHEMES)
def test_half_precision_stays_half(scheme):
  net, variables = _ready(scheme)
  served, integer = quant.convert(net, variables, SHAPE)

  def loss(params, x):
    return net.apply({**variables, 'params': params}, x).sum()

  half = jax.tree.map(lambda w: w.astype(jnp.bfloat16), variables['params'])
  x = _images().astype(jnp.bfloat16)
  value, grads = jax.eval_shape(jax.value_and_grad(loss), half, x)
  assert {leaf.dtype for leaf in jax.tree.leaves([value, grads])} == {x.dtype}
  biases = jax.tree.map(
    lambda w: w.astype(x.dtype) if w.dtype == jnp.float32 else w,
    integer['params'],
  )
  out = jax.eval_shape(served.apply, {**integer, 'params': biases}, x)
  assert out.dtype == x.dtype
