"""Sharpness-aware minimisation, in the step and by hand."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np

from effnas import train
from effnas.learn import objective
from effnas.train import epoch, optim, sam, state, step


class Line(linen.Module):
  """A softmax regression."""

  @linen.compact
  def __call__(self, x, train=False):
    return linen.Dense(2)(x)


def _case():
  tx = optim.make(
    10, name='sgd', lr=0.1, warmup=0, momentum=0, schedule='constant'
  )
  x = np.sin(np.arange(24, dtype=np.float32)).reshape(6, 4)
  return tx, state.create(Line(), tx, jnp.asarray, x), x, np.arange(6) % 2


def test_a_step_is_that_of_the_gradient_a_step_up():
  tx, first, x, y = _case()
  one = jax.jit(step.make(Line(), tx.update, sam=True))
  numbers = {'label_smoothing': 0.0, 'ema': 0.0, 'sam': 0.3}
  after, metrics = one(first, x, y, jax.random.key(0), numbers)

  def gradient(w, b):
    """By hand: softmax regression."""
    z = np.asarray(x, np.float64) @ w + b
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    off = (p - np.eye(2)[y]) / len(x)
    return np.asarray(x).T @ off, off.sum(0)

  params = first.params['Dense_0']
  w = np.asarray(params['kernel'], np.float64)
  b = np.asarray(params['bias'], np.float64)
  dw, db = gradient(w, b)
  norm = np.sqrt((dw**2).sum() + (db**2).sum())
  up = gradient(w + 0.3 * dw / norm, b + 0.3 * db / norm)
  plain = np.abs(up[0] - dw).max()
  assert plain > 1e-3  # else this would say nothing
  now = after.params['Dense_0']
  np.testing.assert_allclose(now['kernel'], w - 0.1 * up[0], rtol=1e-5)
  np.testing.assert_allclose(now['bias'], b - 0.1 * up[1], atol=1e-6)
  # The loss is told at the place itself, not up there.
  told = objective.cross_entropy(jnp.asarray(x @ w + b), y)
  np.testing.assert_allclose(metrics['loss'], told, rtol=1e-5)


def test_batch_statistics_move_once(make_net):
  x = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
  y = np.arange(8) % 2
  tx = optim.make(10)
  first = state.create(make_net(), tx, jnp.asarray, x)
  numbers = {'label_smoothing': 0.0, 'ema': 0.0, 'sam': 0.5}
  found = []
  for on in (False, True):
    one = jax.jit(step.make(make_net(), tx.update, sam=on))
    found.append(one(first, x, y, jax.random.key(0), numbers)[0].model_state)
  jax.tree.map(np.testing.assert_array_equal, *found)


def test_no_gradient_is_no_way_up():
  w = jnp.ones(3)
  assert np.isfinite(sam.climbed(w, jnp.zeros(3), 0.1)).all()
  away = sam.climbed(w, jnp.array([0.0, 3.0, 4.0]), 0.1) - w
  np.testing.assert_allclose(jnp.linalg.norm(away), 0.1, rtol=1e-5)


def test_radii_share_a_program(make_data, make_net):
  epoch.compiled.cache_clear()
  data, losses = make_data(), []
  for rho in (0.05, 0.5):
    fitted = train.fit(
      make_net(), data, epochs=1, batch_size=16, optim={'sam': rho}
    )
    losses.append(fitted.history[0]['train_loss'])
  assert epoch.compiled.cache_info().misses == 1
  assert losses[0] != losses[1]
