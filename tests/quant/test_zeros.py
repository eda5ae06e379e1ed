"""What is all zero computes zero, at every width and wherever a scale is."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import quant
from effnas.nn import rewrite
from effnas.quant import fake, kernels, operands, traced

SHAPE = (4, 4, 6)
SCHEMES = {
  'one': {'weights': 1},
  'eight': {'weights': 8},
  'tensor': {'weights': 1, 'scales': 'tensor'},
  'groups': {'weights': 1, 'scales': 3},
  'two_groups': {'weights': 2, 'scales': 3},
  'asymmetric': {'weights': 1, 'zero_point': 'weights'},
  'ternary': {'weights': 'ternary', 'scales': 3},
  'binary': {'weights': 'binary'},
  'e4m3': {'weights': 'e4m3'},
}


class Net(linen.Module):
  """One layer of each kind, of the same input."""

  @linen.compact
  def __call__(self, x):
    kinds = {
      'conv': linen.Conv(6, (3, 3), use_bias=False),
      'depthwise': linen.Conv(6, (3, 3), feature_group_count=6, use_bias=False),
      'dense': linen.Dense(6, use_bias=False),
      'general': linen.DenseGeneral((2, 3), axis=-1, use_bias=False),
    }
    return {
      name: layer.copy(name=f'the_{name}')(x).reshape(*x.shape[:-1], 6)
      for name, layer in kinds.items()
    }


def _x():
  return jax.random.normal(jax.random.key(1), (3, *SHAPE))


def _drawn(kill):
  variables = Net().init(jax.random.key(0), _x())
  return {'params': jax.tree.map(kill, variables['params'])}


def _three(drawn, x, **settings):
  """Results of training, traced bits and serving; gradients of the first two.

  Traced bits are left out where they don't know the settings.
  """
  net = rewrite.Rewritten(Net(), quant.rules(**settings))
  variables = quant.calibrate(net, drawn, [x])
  served, integer = quant.convert(net, variables, SHAPE)
  nets = [(net, variables)]
  if settings.keys() <= {'weights', 'activations'}:
    follow = rewrite.Rewritten(Net(), (traced.Traced(),))
    nets.append((follow, {**drawn, **traced.bits(net, SHAPE)}))
  outputs, gradients = [jax.jit(served.apply)(integer, x)], []
  for net, variables in nets:

    @jax.jit
    def both(params, x, net=net, variables=variables):
      def apply(params, x):
        return net.apply({**variables, 'params': params}, x)

      out, pull = jax.vjp(apply, params, x)
      return out, pull(jax.tree.map(jnp.ones_like, out))

    out, gradient = both(variables['params'], x)
    outputs.append(out)
    gradients.append(gradient)
  return outputs, gradients


@pytest.mark.parametrize(
  'settings',
  [
    {'weights': 1, 'activations': 1},
    pytest.param({'weights': 1, 'scales': 'tensor'}, marks=pytest.mark.slow),
    pytest.param({'weights': 1, 'scales': 3}, marks=pytest.mark.slow),
    pytest.param({'weights': 2, 'learned': True}, marks=pytest.mark.slow),
    pytest.param(
      {'weights': 1, 'activations': 1, 'ranges': 'static'},
      marks=pytest.mark.slow,
    ),
  ],
  ids=str,
)
def test_layers_of_zeros_compute_zero_and_can_learn(settings):
  # The first channel of each kernel is dead, and one example.
  x = _x().at[1].set(0)
  outputs, gradients = _three(
    _drawn(lambda kernel: kernel.at[..., 0].set(0)), x, **settings
  )
  for out in outputs:
    for name, result in out.items():
      if settings.get('scales') != 'tensor':
        np.testing.assert_array_equal(result[..., 0], 0, name)
        assert (result[0, ..., 1:] != 0).any()
      if settings.get('ranges') != 'static':
        np.testing.assert_array_equal(result[1], 0, name)
      np.testing.assert_allclose(result, outputs[0][name], rtol=2e-6)
  for params, g in gradients:
    assert jnp.isfinite(g).all()
    for layer in params.values():
      assert jnp.isfinite(layer['kernel']).all()
      assert jnp.abs(layer['kernel'][..., 0]).max() > 0


@pytest.mark.parametrize('scheme', SCHEMES)
@pytest.mark.parametrize('dead', ['all', 'channel', 'group'])
def test_a_kernels_zeros_are_stored_as_they_train(scheme, dead):
  rule = quant.rules(**SCHEMES[scheme])[0]
  drawn = jax.random.normal(jax.random.key(2), (3, 3, 1, 4))
  where = {
    'all': drawn * 0 == 0,
    'channel': jnp.zeros_like(drawn, bool).at[..., 1].set(True),
    'group': jnp.zeros_like(drawn, bool).at[1, ..., 1].set(True),
  }[dead]
  kernel = jnp.where(where, 0, drawn)

  def values(kernel):
    codes, scale = kernels.operand(rule, kernel, 1)
    return codes if scale is None else codes * scale

  trained, pull = jax.vjp(values, kernel)
  operand = kernels.stored_operand(
    rule, kernels.store(rule, kernel, 1), 1, kernel.dtype
  )
  scale = 1 if operand.scale is None else operand.scale
  np.testing.assert_array_equal(operand.values * scale, trained)
  shared = SCHEMES[scheme].get('scales', 'channel')
  if dead == 'all' or shared == 3 or (dead, shared) == ('channel', 'channel'):
    np.testing.assert_array_equal(jnp.where(where, trained, 0), 0)
  np.testing.assert_array_equal(
    jnp.where(where, 1, pull(jnp.ones_like(kernel))[0] != 0), 1
  )
  assert jnp.isfinite(pull(jnp.ones_like(kernel))[0]).all()


def test_a_range_of_zeros_that_is_deployed_is_the_trained_one():
  rule = quant.rules(1, 1, ranges='static')[0]
  zero = jnp.float32(0)
  grid = operands.static_grid(rule, zero, zero)
  stored = operands.stored_grid(rule, grid.scale, None)
  for given in (grid, stored):
    values, scale = operands.of_inputs(rule, _x(), (1, 2, 3), given)
    np.testing.assert_array_equal(values * scale, 0)


@pytest.mark.parametrize('bits', range(1, 9))
def test_fake_zeros_are_zero_with_every_gradient(bits):
  x = jnp.zeros((4, 6)).at[1].set(jnp.arange(6.0))
  for group in (0, 3):
    out, pull = jax.vjp(
      lambda x, group=group: fake.dynamic(x, bits, (1,), group), x
    )
    np.testing.assert_array_equal(out[jnp.array([0, 2, 3])], 0)
    np.testing.assert_array_equal(pull(jnp.ones_like(x))[0], 1)
