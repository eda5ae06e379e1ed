from flax import linen
import jax
import jax.numpy as jnp
import numpy as np

from effnas.learn import objective as objective_lib
from effnas.nn import rewrite
from effnas.train import forward, heads, optim, state, step

_NUMBERS = {'label_smoothing': 0.0, 'ema': 0.0}


class _Net(linen.Module):
  @linen.compact
  def __call__(self, x, train=False):
    x = linen.Dense(4, name='first')(x)
    x = linen.BatchNorm(use_running_average=not train, name='norm')(x)
    return linen.Dense(2, name='second')(linen.relu(x))


class _Hint(objective_lib.Objective):
  """Pulls the first layer, projected, to a constant."""

  def heads(self):
    return {'project': linen.Dense(3)}

  def numbers(self):
    return {'weight': 2.0}

  def constants(self):
    return {'goal': jnp.full((3,), 0.5)}

  def __call__(self, forward, batch, key, numbers):
    logits, features = forward(batch.inputs, ('first',))
    told = forward.head('project', features['first'])
    off = jnp.mean((told - numbers['constants']['goal']) ** 2)
    return objective_lib.Outcome(numbers['weight'] * off, logits)


def _case(net):
  x = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
  return jnp.asarray(x), net.init(jax.random.key(0), x)


def test_taps_are_what_a_module_gave_under_rules_too():
  plain = _Net()
  x, variables = _case(plain)
  kernel, bias = (variables['params']['first'][k] for k in ('kernel', 'bias'))
  for net in (plain, rewrite.Rewritten(plain)):
    told = forward.Forward(
      net,
      variables['params'],
      {'batch_stats': variables['batch_stats']},
      jax.random.key(1),
    )(x, ('f*t', 'sec*'))
    assert set(told.features) == {'first', 'second'}
    np.testing.assert_allclose(
      told.features['first'], x @ kernel + bias, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(told.features['second'], told.logits)


def test_a_second_call_goes_on_from_the_statistics_of_the_first():
  net = _Net()
  x, variables = _case(net)
  stats = {'batch_stats': variables['batch_stats']}
  one = forward.Forward(net, variables['params'], stats, jax.random.key(0))
  one(x)
  after = one.changed
  again = forward.Forward(net, variables['params'], after, jax.random.key(0))
  again(x)
  one(x)
  jax.tree.map(np.testing.assert_array_equal, one.changed, again.changed)


def test_heads_train_and_are_dropped():
  net, objective = rewrite.Rewritten(_Net()), _Hint()
  x, _ = _case(net)
  labels = jnp.zeros(8, jnp.int32)
  numbers = {**_NUMBERS, 'weight': 2.0, 'constants': objective.constants()}
  tx = optim.make(40, name='sgd', lr=0.1)

  def drawn(inputs, params, model_state, key):
    return heads.create(
      objective, net, labels, numbers, inputs, params, model_state, key
    )

  now = state.create(net, tx, jnp.asarray, x, heads=drawn)
  first = now.params[forward.HEADS]['project']['kernel']
  assert first.shape == (4, 3)
  one = jax.jit(step.make(net, tx.update, objective=objective))
  losses = []
  for i in range(40):
    now, told = one(now, x, labels, jax.random.key(i), numbers)
    losses.append(float(told['loss']))
  assert losses[-1] < 0.1 * losses[0]
  assert not np.allclose(now.params[forward.HEADS]['project']['kernel'], first)
  assert set(now.variables()['params']) == {'first', 'norm', 'second'}


def test_extras_lie_beside_the_labels():
  found = objective_lib.batch(1, {'labels': 2, 'teacher': 3})
  assert (found.inputs, found.labels, found.extras) == (1, 2, {'teacher': 3})
