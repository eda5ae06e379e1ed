"""A small network on the digits, pruned as it trains."""

from flax import linen
import jax
import jax.numpy as jnp
import pytest

from effnas import data
from effnas.compress import pruning
from effnas.train import epoch, optim, prepare, state

EPOCHS, BATCH = 12, 64


class Mlp(linen.Module):
  @linen.compact
  def __call__(self, x, train=False):
    x = linen.relu(linen.Dense(64, name='first')(x.reshape(len(x), -1)))
    x = linen.relu(linen.Dense(64, name='second')(x))
    return linen.Dense(10, name='head')(x)


@pytest.fixture(scope='module')
def digits():
  return data.load('digits')


@pytest.fixture(scope='module')
def fit(digits):
  """Trains in the compiled epochs of effnas.train, under any optimiser."""
  prepared = prepare.Prepare(digits)
  steps = EPOCHS * (len(digits.train.x) // BATCH)

  def run(wrap=lambda tx, steps: tx, params=None):
    tx = wrap(optim.make(steps, lr=1e-2, weight_decay=1e-4), steps)
    variables = None if params is None else {'params': params}
    now = state.create(
      Mlp(), tx, prepared, digits.train.x[:1], variables=variables
    )
    plan = epoch.Plan(Mlp(), tx.update, prepared, (), 0, BATCH, 'float32', None)
    numbers = {'label_smoothing': jnp.float32(0), 'ema': jnp.float32(0)}
    go = epoch.compiled(plan)
    first = jax.tree.map(jnp.copy, now.params)
    for i in range(EPOCHS):
      key = jax.random.key(i)
      now, _ = go(now, digits.train.x, digits.train.y, key, numbers)
    logits = Mlp().apply({'params': now.params}, prepared(digits.valid.x))
    accuracy = float((logits.argmax(-1) == digits.valid.y).mean())
    return first, now, accuracy

  return run


def gradually(criterion, sparsity, **settings):
  def wrap(tx, steps):
    schedule = pruning.Cubic(steps // 4, 3 * steps // 4, every=5)
    return pruning.prune(
      tx, sparsity, schedule=schedule, criterion=criterion, **settings
    )

  return wrap


def test_accuracy_is_kept_at_80_percent(fit):
  _, _, dense = fit()
  assert dense > 0.94
  _, now, magnitude = fit(gradually('magnitude', 0.8))
  assert pruning.sparsity(now.opt_state.masks) == pytest.approx(0.8, abs=1e-4)
  kernel = now.params['second']['kernel']
  assert int((kernel != 0).sum()) == 64 * 64 - round(0.8 * 64 * 64)
  assert magnitude > dense - 0.02


def test_magnitude_beats_random_at_95_percent(fit):
  _, _, magnitude = fit(gradually('magnitude', 0.95))
  _, _, random = fit(gradually('random', 0.95))
  assert magnitude > random + 0.03


@pytest.mark.slow
@pytest.mark.parametrize('criterion', ['snip', 'taylor', 'fisher', 'movement'])
def test_gradient_criteria_beat_random(fit, criterion):
  _, _, found = fit(gradually(criterion, 0.95))
  _, _, random = fit(gradually('random', 0.95))
  assert found > random + 0.02
