"""Lookahead, by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, train
from effnas.train import epoch, optim


def _weights(steps, k, alpha, lr=0.1):
  """Weights after each step on the loss |w - (1, -2)|^2 / 2, by the optimiser.

  Alongside those by hand: plain steps of the fast weights, and each k steps the
  slow ones move alpha of the way and the fast ones go there.
  """
  target = np.array([1.0, -2.0], np.float32)
  tx = optim.make(
    steps,
    name='sgd',
    lr=lr,
    warmup=0,
    momentum=0,
    schedule='constant',
    lookahead=k,
    lookahead_alpha=alpha,
  )
  params = {'w': jnp.zeros(2)}
  now, found, expected = tx.init(params), [], []
  fast = slow = np.zeros(2)
  for i in range(1, steps + 1):
    updates, now = tx.update({'w': params['w'] - target}, now, params)
    params = {'w': params['w'] + updates['w']}
    found.append(np.asarray(params['w']))
    fast = fast - lr * (fast - target)
    if i % k == 0 or i == steps:
      slow = slow + alpha * (fast - slow)
      fast = slow
    expected.append(fast)
  np.testing.assert_allclose(now.inner.slow, slow, rtol=1e-5)
  return found, expected


@pytest.mark.parametrize(('k', 'alpha'), [(2, 0.5), (3, 0.25), (1, 1.0)])
def test_weights_by_hand(k, alpha):
  found, expected = _weights(7, k, alpha)
  np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_step_at_a_time_all_the_way_is_none():
  """With k = 1 and alpha = 1 it is the inner optimiser."""
  found, _ = _weights(5, 1, 1.0)
  plain, _ = _weights(5, 9, 1.0)
  np.testing.assert_allclose(found, plain, rtol=1e-6)


def test_numbers_share_a_program_and_decay_works_with_it(make_data, make_net):
  epoch.compiled.cache_clear()
  losses = []
  for k, alpha in ((2, 0.5), (3, 0.5), (2, 0.8)):
    optim_ = {'lookahead': k, 'lookahead_alpha': alpha, 'weight_decay': 0.1}
    fitted = train.fit(
      make_net(), make_data(), epochs=2, batch_size=8, optim=optim_
    )
    losses.append(fitted.history[-1]['train_loss'])
  assert epoch.compiled.cache_info().misses == 1
  assert len(set(losses)) == 3


@pytest.mark.parametrize(
  ('settings', 'words'),
  [
    (
      {'lookahead': -1},
      'lookahead must be a whole number of .* 0, got -1',
    ),
    (
      {'lookahead': 2.5},
      'lookahead must be a whole number of .* 0, got 2.5',
    ),
    (
      {'lookahead_alpha': 1.5},
      'alpha must be a number from 0 to 1, got 1.5',
    ),
    ({'sam': -0.1}, 'sam must be a number of at least 0, got -0.1'),
    ({'sam': True}, 'sam must be a number of at least 0, got True'),
  ],
)
def test_bad_settings(settings, words):
  with pytest.raises(errors.UserError, match=words):
    optim.make(10, **settings)
