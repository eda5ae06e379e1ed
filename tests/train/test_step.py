from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.learn import objective as objective_lib
from effnas.train import optim, state, step

NUMBERS = {'label_smoothing': 0.0, 'ema': 0.0}


def case(net, dtype='float32', ema=False, objective=None, **kwargs):
  """A state, the jitted step and one batch of fixed numbers."""
  kwargs = {'name': 'sgd', 'lr': 0.1, 'warmup': 0, 'momentum': 0} | kwargs
  tx = optim.make(10, schedule='constant', **kwargs)
  x = np.sin(np.arange(24, dtype=np.float32)).reshape(6, 4)
  y = np.arange(6) % 2
  first = state.create(net, tx, jnp.asarray, x, ema=ema)
  one = jax.jit(step.make(net, tx.update, dtype=dtype, objective=objective))
  return first, one, jnp.asarray(x), jnp.asarray(y)


def test_one_step_is_plain_gradient_descent():
  """Golden numbers, by hand: softmax regression from zero weights."""
  net = Linear(2)
  first, one, x, y = case(net)
  first = first.replace(params=jax.tree.map(jnp.zeros_like, first.params))
  after, metrics = one(first, x, y, jax.random.key(0), NUMBERS)
  # At zero weights every probability is 1/2.
  errors_ = 0.5 - np.eye(2)[np.asarray(y)]
  kernel = -0.1 * np.asarray(x).T @ errors_ / 6
  bias = -0.1 * errors_.mean(0)
  params = after.params['Dense_0']
  np.testing.assert_allclose(metrics['loss'], np.log(2), rtol=1e-6)
  np.testing.assert_allclose(metrics['accuracy'], 0.5)
  np.testing.assert_allclose(params['kernel'], kernel, rtol=1e-5)
  np.testing.assert_allclose(params['bias'], bias, rtol=1e-5, atol=1e-9)
  assert int(after.step) == 1


def test_batch_statistics_move_in_float32(make_net):
  for dtype in ('float32', 'bfloat16'):
    first, one, x, y = case(make_net(), dtype)
    after, _ = one(first, x, y, jax.random.key(0), NUMBERS)
    before = first.model_state['batch_stats']['BatchNorm_0']['mean']
    mean = after.model_state['batch_stats']['BatchNorm_0']['mean']
    assert mean.dtype == jnp.float32
    assert (mean != before).any()
    assert {p.dtype for p in jax.tree.leaves(after.params)} == {
      jnp.dtype('float32')
    }


def test_bfloat16_is_close_to_float32_and_not_equal(make_net):
  results = []
  for dtype in ('float32', 'bfloat16'):
    first, one, x, y = case(make_net(), dtype)
    after, metrics = one(first, x, y, jax.random.key(0), NUMBERS)
    change = jax.tree.map(jnp.subtract, after.params, first.params)
    flat, _ = jax.flatten_util.ravel_pytree(change)
    results.append((float(metrics['loss']), np.asarray(flat)))
  (full_loss, full), (half_loss, half) = results
  assert full_loss != half_loss
  np.testing.assert_allclose(half_loss, full_loss, rtol=0.02)
  assert np.linalg.norm(half - full) < 0.05 * np.linalg.norm(full)


def test_computes_in_the_type_asked_for():
  seen = []

  class Spy(linen.Module):
    @linen.compact
    def __call__(self, x, train=False):
      x = linen.Dense(2)(x)
      seen.append(x.dtype)
      return x

  first, one, x, y = case(Spy(), 'bfloat16')
  seen.clear()
  one(first, x, y, jax.random.key(0), NUMBERS)
  assert seen == [jnp.bfloat16]


def test_ema_against_numpy(make_net):
  first, one, x, y = case(make_net(), ema=True)
  numbers = NUMBERS | {'ema': 0.3}
  now, expected = first, np.asarray(first.params['Dense_0']['kernel'])
  for t in range(1, 5):
    now, _ = one(now, x, y, jax.random.key(0), numbers)
    keep = min(0.3, (1 + t) / (10 + t))
    params = np.asarray(now.params['Dense_0']['kernel'])
    expected = keep * expected + (1 - keep) * params
  ours = now.variables()['params']['Dense_0']['kernel']
  np.testing.assert_allclose(ours, expected, rtol=1e-5)
  assert not np.allclose(ours, params, rtol=1e-5)


def test_dropout_follows_the_key(make_net):
  first, one, x, y = case(make_net(dropout=0.5, hidden=32))
  losses = [
    float(one(first, x, y, jax.random.key(k), NUMBERS)[1]['loss'])
    for k in (0, 0, 1)
  ]
  assert losses[0] == losses[1] != losses[2]


def test_another_loss(make_net):
  class Small(objective_lib.Objective):
    def __call__(self, forward, batch, key, numbers):
      logits = forward(batch.inputs).logits
      return objective_lib.Outcome(jnp.mean(logits**2), logits)

  first, one, x, y = case(make_net(), objective=Small())
  losses = []
  for _ in range(5):
    first, metrics = one(first, x, y, jax.random.key(0), NUMBERS)
    losses.append(float(metrics['loss']))
  assert losses == sorted(losses, reverse=True)


def test_tokens():
  class Next(linen.Module):
    @linen.compact
    def __call__(self, x, train=False):
      return linen.Dense(5)(linen.Embed(5, 8)(x))

  tx = optim.make(60, lr=0.1)
  x = np.arange(20, dtype=np.int32).reshape(4, 5) % 5
  y = (x + 1) % 5
  now = state.create(Next(), tx, jnp.asarray, x)
  one = jax.jit(step.make(Next(), tx.update))
  for _ in range(60):
    now, metrics = one(now, x, jnp.asarray(y), jax.random.key(0), NUMBERS)
  assert float(metrics['accuracy']) == 1.0


def test_unknown_dtype():
  with pytest.raises(errors.UserError, match="did you mean 'bfloat16'"):
    step.make(None, None, dtype='bfloat')


class Linear(linen.Module):
  classes: int

  @linen.compact
  def __call__(self, x, train=False):
    return linen.Dense(self.classes)(x)
