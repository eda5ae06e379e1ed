"""Adapters start as nothing, learn alone, and merge into the kernels."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effnas import errors
from effnas.compress.lowrank import lora
from effnas.nn import layers

SHAPE = (7, 7, 4)
RULES = (lora.Adapter('head', 2, 4.0), lora.Adapter('*', 3))


class Net(linen.Module):
  """Layers of many kinds."""

  @linen.compact
  def __call__(self, x, train=False):
    x = layers.Conv(6, (3, 3), strides=2, padding=1, name='window')(x)
    x = layers.Norm(name='norm')(x, train)
    x = linen.Conv(6, (3, 3), feature_group_count=6, name='depthwise')(x)
    x = linen.Conv(8, (1, 1), strides=2, name='point')(jax.nn.relu(x))
    return layers.Dense(5, use_bias=False, name='head')(x.mean((1, 2)))


def _x():
  values = np.random.default_rng(0).normal(size=(3, *SHAPE))
  return jnp.asarray(values, jnp.float32)


@pytest.fixture(scope='module')
def trained():
  model = Net()
  variables = jax.jit(model.init)(jax.random.key(0), _x())
  net, more = lora.add(model, variables, RULES, SHAPE)
  return model, variables, net, more


def _moved(more):
  """Variables whose adapters do something."""
  adapters, frozen = lora.split(more['params'])
  adapters = jax.tree.map(
    lambda w: w + 0.2 * jnp.sin(jnp.arange(w.size)).reshape(w.shape), adapters
  )
  return {**more, 'params': lora.join(adapters, frozen)}


def test_a_network_with_adapters_starts_as_it_was(trained):
  model, variables, net, more = trained
  np.testing.assert_array_equal(
    jax.jit(net.apply)(more, _x()), jax.jit(model.apply)(variables, _x())
  )
  adapters, frozen = lora.split(more['params'])
  jax.tree.map(np.testing.assert_array_equal, frozen, variables['params'])
  assert adapters.keys() == {'window', 'point', 'head'}
  shapes = jax.tree.map(jnp.shape, adapters)
  assert shapes['window'] == {
    'lora_a': {'kernel': (3, 3, 4, 3)},
    'lora_b': {'kernel': (1, 1, 3, 6)},
  }
  assert shapes['head']['lora_a'] == {'kernel': (8, 2)}
  assert all(
    jnp.abs(adapters[n]['lora_a']['kernel']).max() > 0 for n in adapters
  )


def test_an_adapter_adds_what_the_paper_says(trained):
  layer, x = linen.Dense(6), _x()
  variables = layer.init(jax.random.key(0), x)
  net, more = lora.add(layer, variables, [lora.Adapter('', 2, 6.0)], SHAPE)
  more = _moved(more)
  kernel, a, b = (
    more['params']['kernel'],
    more['params']['lora_a']['kernel'],
    more['params']['lora_b']['kernel'],
  )
  expected = x @ (kernel + 6 / 2 * a @ b)
  np.testing.assert_allclose(net.apply(more, x), expected, atol=1e-5)


def test_merged_kernels_give_the_same_outputs(trained):
  model, variables, net, more = trained
  more = _moved(more)
  merged, plain = lora.merge(net, more, SHAPE)
  assert merged == model
  assert jax.tree.map(jnp.shape, plain) == jax.tree.map(jnp.shape, variables)
  ours, theirs = (
    jax.jit(net.apply)(more, _x()),
    jax.jit(merged.apply)(plain, _x()),
  )
  np.testing.assert_allclose(ours, theirs, atol=1e-5)
  before = jax.jit(model.apply)(variables, _x())
  assert jnp.abs(ours - before).max() > 0.01


def _loss(net, params, more):
  return (net.apply({**more, 'params': params}, _x()) ** 2).sum()


def test_gradients_by_adapters_are_those_of_the_whole(trained):
  _, _, net, more = trained
  more = _moved(more)
  adapters, frozen = lora.split(more['params'])

  @jax.jit
  def slopes(adapters):
    return jax.grad(lambda a: _loss(net, lora.join(a, frozen), more))(adapters)

  every = jax.jit(jax.grad(lambda p: _loss(net, p, more)))(more['params'])
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
    slopes(adapters),
    lora.split(every)[0],
  )


def test_only_adapters_move_in_a_plain_loop(trained):
  _, _, net, more = trained
  optimizer = lora.only(optax.adamw(1e-2, weight_decay=0.1))
  state = optimizer.init(more['params'])

  @jax.jit
  def step(params, state):
    loss, slopes = jax.value_and_grad(lambda p: _loss(net, p, more))(params)
    updates, state = optimizer.update(slopes, state, params)
    return optax.apply_updates(params, updates), state, loss

  params, losses = more['params'], []
  for _ in range(5):
    params, state, loss = step(params, state)
    losses.append(float(loss))
  assert losses[-1] < losses[0]
  before, after = lora.split(more['params']), lora.split(params)
  jax.tree.map(np.testing.assert_array_equal, before[1], after[1])
  pairs = zip(*map(jax.tree.leaves, (before[0], after[0])), strict=True)
  for old, new in pairs:
    assert jnp.abs(old - new).max() > 0
  held = sum(x.size for x in jax.tree.leaves(state))
  assert held < 3 * sum(x.size for x in jax.tree.leaves(before[0]))


def test_the_seed_decides_how_adapters_start(trained):
  model, variables, _, more = trained
  _, same = lora.add(model, variables, RULES, SHAPE)
  _, other = lora.add(model, variables, RULES, SHAPE, seed=1)
  jax.tree.map(np.testing.assert_array_equal, same, more)
  a = [v['params']['head']['lora_a']['kernel'] for v in (other, more)]
  assert (a[0] != a[1]).all()


def test_bad_input_is_one_line(trained):
  model, variables, _, _ = trained
  for rank in (0, 6):
    with pytest.raises(errors.UserError, match=f'is 1 to 5; got {rank}'):
      lora.add(model, variables, [lora.Adapter('head', rank)], SHAPE)
  with pytest.raises(errors.UserError, match="'tail' is for no layer"):
    lora.add(model, variables, [lora.Adapter('tail')], SHAPE)
